/** Which workers of a pool are slower than the others, by kind of job. */
import type { Logger } from '@gapo/service';
import { addSpanEvent, attributeNames, telemetryEventNames } from '@gapo/tracing';
import type { JobName } from './job.js';
import { Pace, type Slowness } from './pace.js';

/** What is known about a job that ended. */
interface EndedJob extends JobName {
  /** Runs a function in the job's trace. */
  readonly inTrace: <T>(fn: () => T) => T;
}

/** The stragglers of a pool. A worker is logged when it becomes one and when it no longer is. */
export class Stragglers {
  readonly #what: string;
  readonly #log: Logger;
  readonly #pace = new Pace();
  /** By worker, the kinds of jobs in which it is one. */
  readonly #kinds = new Map<string, Set<string>>();

  /** @param what name of a worker in messages */
  constructor(what: string, log: Logger) {
    this.#what = what;
    this.#log = log;
  }

  /** The number of workers that are stragglers. */
  get size(): number {
    return this.#kinds.size;
  }

  /** Whether a worker is one in any kind of job. */
  has(target: string): boolean {
    return this.#kinds.has(target);
  }

  /** Returns how many seconds a kind of job usually takes; undefined before enough have ended. */
  expected(kind: string): number | undefined {
    return this.#pace.expected(kind);
  }

  /** Forgets a worker that has left. */
  forget(target: string): void {
    this.#pace.forget(target);
    this.#kinds.delete(target);
  }

  /** Records how long a job took. Returns how much slower its worker is; undefined unless it is a straggler. */
  record({ kind, label, inTrace }: EndedJob, target: string, seconds: number): Slowness | undefined {
    this.#pace.record(kind, target, seconds);
    const slowness = this.#pace.slowness(kind, target);
    const kinds = this.#kinds.get(target) ?? new Set<string>();
    const known = kinds.has(kind);
    const [what, log] = [this.#what, this.#log];
    if (slowness === undefined) {
      kinds.delete(kind);
      if (kinds.size === 0) this.#kinds.delete(target);
      if (known) log.info({ worker: target }, `${what} ${target}: ${kind} is as fast as on the others again`);
      return undefined;
    }
    this.#kinds.set(target, kinds.add(kind));
    const { others, factor } = slowness;
    inTrace(() =>
      addSpanEvent(telemetryEventNames.straggler, {
        [attributeNames.worker]: target,
        [attributeNames.slowness]: factor,
      }),
    );
    if (!known) {
      log.warn(
        { worker: target, slowness: factor },
        `${what} ${target} is a straggler: ${kind} takes ${slowness.seconds.toFixed(1)} s, ${factor.toFixed(1)} times the ` +
          `others' ${others.toFixed(1)} s (last ${label})`,
      );
    }
    return slowness;
  }
}
