/** The feed of a run's changes for any number of watchers. A slow watcher misses progress, never a step. */
import type { ProgressInput, RunInput, StepReport, WatchRunResponseInput } from '@gapo/rpc';

/**
 * Each watcher receives progress at most once per this many milliseconds times the number of watchers, so that many watchers take
 * a bounded share of the coordinator's time: with 500 of them, every two seconds.
 */
const progressMsPerFollower = 4;

/**
 * Distributes state changes and steps in order, and the latest progress. All watchers share one object per change, so it is
 * serialized once.
 */
export class RunFeed {
  readonly #followers = new Set<Follower>();
  #progress: WatchRunResponseInput | undefined;
  #shownAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  /** Number of watchers for which changes are kept. */
  get watchers(): number {
    return this.#followers.size;
  }

  /** Adds a change of state. */
  state(run: RunInput): void {
    this.#add({ run });
  }

  /** Adds a completed step. */
  step(step: StepReport): void {
    this.#progress = undefined;
    this.#add({ step });
  }

  /** Replaces the progress of the step in progress. */
  progress(value: ProgressInput): void {
    this.#progress = { progress: value };
    const wait = this.#shownAt + this.watchers * progressMsPerFollower - performance.now();
    if (wait <= 0) this.#showProgress();
    else this.#timer ??= setTimeout(() => this.#showProgress(), wait).unref();
  }

  /**
   * Yields changes from now on, until `ended` returns true.
   *
   * @param signal ends the generator
   */
  async *follow(ended: () => boolean, signal: AbortSignal): AsyncGenerator<WatchRunResponseInput, void, undefined> {
    const follower = new Follower(this.#progress);
    this.#followers.add(follower);
    // A caller that disconnects may abandon the generator, and then the end of this function is never reached.
    const leave = (): void => {
      this.#followers.delete(follower);
      follower.wake();
    };
    signal.addEventListener('abort', leave, { once: true });
    try {
      while (!signal.aborted) {
        const next = follower.next();
        if (next !== undefined) yield next;
        else if (ended()) return;
        else await follower.changed();
      }
    } finally {
      signal.removeEventListener('abort', leave);
      this.#followers.delete(follower);
    }
  }

  #add(change: WatchRunResponseInput): void {
    for (const follower of this.#followers) follower.add(change);
  }

  #showProgress(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#shownAt = performance.now();
    for (const follower of this.#followers) follower.show(this.#progress);
  }
}

/** What one watcher has not received yet. */
class Follower {
  readonly #changes: WatchRunResponseInput[] = [];
  #progress: WatchRunResponseInput | undefined;
  #wake = (): void => undefined;

  constructor(progress: WatchRunResponseInput | undefined) {
    this.#progress = progress;
  }

  /** @param change after a step, earlier progress is outdated */
  add(change: WatchRunResponseInput): void {
    this.#changes.push(change);
    if (change.step) this.#progress = undefined;
    this.wake();
  }

  show(progress: WatchRunResponseInput | undefined): void {
    this.#progress = progress;
    this.wake();
  }

  /** Returns the next change or, if there is none, progress that has not been returned yet. */
  next(): WatchRunResponseInput | undefined {
    const change = this.#changes.shift();
    if (change !== undefined) return change;
    const progress = this.#progress;
    this.#progress = undefined;
    return progress;
  }

  /** Waits for the next change. */
  changed(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }

  wake(): void {
    this.#wake();
  }
}
