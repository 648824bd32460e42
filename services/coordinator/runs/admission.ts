/**
 * Limits on new runs. Creating a run reads its models and data, takes workers away from the runs in training, and adds a
 * directory. A request beyond the limits is refused immediately, before anything is read.
 */
import { RpcError } from '@gapo/rpc';

/** The limits. */
export interface AdmissionLimits {
  /** Maximum number of runs in the data directory. */
  readonly mostRuns: number;
  /** Maximum number of runs that are being created, starting or training. */
  readonly mostActive: number;
  /** Maximum number of runs created per minute. A third of them may arrive in one burst. */
  readonly perMinute: number;
}

/** How many runs there are. */
export interface RunCounts {
  readonly all: number;
  readonly active: number;
}

/** Share of a minute's runs that may be created in one burst. */
const burst = 1 / 3;
const minute = 60_000;

/** Admits new runs. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #now: () => number;
  /** Runs that may be created at {@link #at}. */
  #room: number;
  #at: number;

  /** @param now milliseconds on a clock that only moves forward */
  constructor(limits: AdmissionLimits, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
    this.#room = this.#mostAtOnce;
    this.#at = now();
  }

  /** @throws RpcError RESOURCE_EXHAUSTED if no run can be created now, with what to do */
  check({ all, active }: RunCounts): void {
    const { mostRuns, mostActive, perMinute } = this.#limits;
    if (all >= mostRuns) {
      const what = `DATA_DIR has ${all} runs, the most that MAX_RUNS allows`;
      throw exhausted(`${what}: stop the coordinator and remove the directories of old runs, or raise MAX_RUNS`);
    }
    if (active >= mostActive) {
      const what = `${active} runs are active, the most that MAX_ACTIVE_RUNS allows`;
      throw exhausted(`${what}: wait until one ends, pause or cancel one, or raise MAX_ACTIVE_RUNS`);
    }
    this.#refill();
    if (this.#room >= 1) return;
    const waitMs = ((1 - this.#room) * minute) / perMinute;
    const seconds = Math.ceil(waitMs / 1000);
    throw exhausted(
      `${perMinute} new runs a minute are allowed by CREATE_RUNS_PER_MINUTE: try again in ${seconds} s`,
      waitMs,
    );
  }

  /** Counts a newly created run. @throws RpcError as {@link check} */
  admit(counts: RunCounts): void {
    this.check(counts);
    this.#room -= 1;
  }

  get #mostAtOnce(): number {
    return Math.max(Math.floor(this.#limits.perMinute * burst), 1);
  }

  #refill(): void {
    const now = this.#now();
    this.#room = Math.min(this.#room + ((now - this.#at) / minute) * this.#limits.perMinute, this.#mostAtOnce);
    this.#at = now;
  }
}

function exhausted(details: string, retryAfterMs?: number): RpcError {
  return new RpcError('RESOURCE_EXHAUSTED', details, { retryAfterMs });
}
