/** How fast the workers of a pool are, and which of them are stragglers. */
import { median } from '@gapo/numeric';

/** A worker's pace is the median time of this many recent jobs of a kind. */
const recent = 9;
/** Number of jobs of a kind that a worker must have done before its pace counts. */
const enough = 3;
/** A straggler's pace is at least this many times the median of the others', */
const slowFactor = 2;
/** and at least this many seconds longer, because short jobs vary more than workers do. */
const slowSeconds = 1;

/** How slow a worker is. */
export interface Slowness {
  /** Median seconds of its recent jobs of the kind. */
  readonly seconds: number;
  /** Median of the other workers' paces, in seconds. */
  readonly others: number;
  /** seconds / others. */
  readonly factor: number;
}

/** Records the times of jobs by kind and worker. */
export class Pace {
  /** Seconds of recent jobs by worker, by kind. */
  readonly #times = new Map<string, Map<string, number[]>>();

  /** Records a job's wall-clock seconds, or the seconds after which another worker was faster. */
  record(kind: string, worker: string, seconds: number): void {
    let workers = this.#times.get(kind);
    if (workers === undefined) this.#times.set(kind, (workers = new Map<string, number[]>()));
    workers.set(worker, [...(workers.get(worker) ?? []), seconds].slice(-recent));
  }

  /** Forgets a worker that has left. */
  forget(worker: string): void {
    for (const workers of this.#times.values()) workers.delete(worker);
  }

  /** Returns the median seconds of recent jobs of a kind, over all workers; undefined before there are enough. */
  expected(kind: string): number | undefined {
    const times = [...(this.#times.get(kind)?.values() ?? [])].flat();
    return times.length < enough ? undefined : median(times);
  }

  /** Returns how much slower than the others a worker is; undefined unless it is a straggler. */
  slowness(kind: string, worker: string): Slowness | undefined {
    const workers = this.#times.get(kind) ?? new Map<string, number[]>();
    const paceOf = (times: readonly number[]): number[] => (times.length < enough ? [] : [median(times)]);
    const [seconds] = paceOf(workers.get(worker) ?? []);
    const paces = [...workers].flatMap(([name, times]) => (name === worker ? [] : paceOf(times)));
    if (seconds === undefined || paces.length === 0) return undefined;
    const others = median(paces);
    if (seconds < slowFactor * others || seconds < others + slowSeconds) return undefined;
    return { seconds, others, factor: seconds / others };
  }
}
