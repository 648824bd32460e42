/**
 * The numbers of all steps of a run, which charts downsample. Cached for the most recently requested runs: each request reads
 * new steps from the coordinator, which decides whether the caller may see the run.
 */
import { addStep, noColumns, type Columns, type SeriesKind } from '@gapo/page';
import type { StepReport } from '@gapo/rpc';
import type { Credentials, RunsApi } from './runsApi.js';

/** Number of cached runs. One with 10,000 steps and 8 objectives takes about 6 MB. */
const mostKept = 8;

interface Kept {
  readonly columns: Columns;
  /** The last step that it has; undefined before the first. */
  last: StepReport | undefined;
}

/** Reads and caches the columns of runs. */
export class StepColumns {
  readonly #api: Pick<RunsApi, 'reports'>;
  /** By run, most recently requested last. */
  readonly #kept = new Map<string, Kept>();
  /** Reads in progress, by run: each waits for the one before it. */
  readonly #reading = new Map<string, Promise<unknown>>();

  constructor(api: Pick<RunsApi, 'reports'>) {
    this.#api = api;
  }

  /** Returns the columns of a run. @throws RpcError */
  async of(id: string, kind: SeriesKind, metadata: Credentials): Promise<Columns[SeriesKind]> {
    const before = this.#reading.get(id);
    const reading = Promise.resolve(before)
      .catch(() => undefined)
      .then(() => this.#read(id, metadata));
    this.#reading.set(id, reading);
    try {
      return (await reading)[kind];
    } finally {
      if (this.#reading.get(id) === reading) this.#reading.delete(id);
    }
  }

  async #read(id: string, metadata: Credentials): Promise<Columns> {
    const known = this.#kept.get(id);
    // Reads the last known step again, because it differs if the run was resumed from an earlier checkpoint.
    const after = known?.last === undefined ? 0 : known.last.step - 1;
    const steps = await this.#api.reports(id, after, metadata);
    const isSame = known?.last !== undefined && isSameStep(known.last, steps[0]);
    const kept = isSame ? known : { columns: noColumns(), last: undefined };
    const added = known?.last === undefined || isSame ? steps : await this.#api.reports(id, 0, metadata);
    for (const step of isSame ? added.slice(1) : added) addStep(kept.columns, step);
    kept.last = added.at(-1) ?? kept.last;
    this.#kept.delete(id);
    this.#kept.set(id, kept);
    for (const oldest of [...this.#kept.keys()].slice(0, -mostKept)) this.#kept.delete(oldest);
    return kept.columns;
  }
}

/** Whether two reports are from the same attempt at a step; a different attempt takes a different time. */
function isSameStep(a: StepReport, b: StepReport | undefined): boolean {
  return a.step === b?.step && a.seconds === b.seconds && a.traceId === b.traceId;
}
