/** The feed of a run's changes for any number of watchers. A slow watcher misses progress, never a step. */
import type { ProgressInput, RunInput, StepReport, WatchRunResponseInput } from '@gapo/rpc';

type Entry = { readonly run: RunInput } | { readonly step: StepReport };

/** Keeps state changes and steps in order, and the latest progress. */
export class RunFeed {
  readonly #entries: Entry[] = [];
  #progress: ProgressInput | undefined;
  #changed = pending();

  /** Adds a change of state. */
  state(run: RunInput): void {
    this.#entries.push({ run });
    this.#wake();
  }

  /** Adds a completed step. */
  step(step: StepReport): void {
    this.#entries.push({ step });
    this.#progress = undefined;
    this.#wake();
  }

  /** Replaces the progress of the step in progress. */
  progress(value: ProgressInput): void {
    this.#progress = value;
    this.#wake();
  }

  /**
   * Yields changes from now on, until `ended` returns true.
   *
   * @param signal ends the generator
   */
  async *follow(ended: () => boolean, signal: AbortSignal): AsyncGenerator<WatchRunResponseInput, void, undefined> {
    let at = this.#entries.length;
    let seen: ProgressInput | undefined;
    const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    while (!signal.aborted) {
      const entry = this.#entries[at];
      if (entry !== undefined) {
        at += 1;
        yield entry;
        continue;
      }
      if (ended()) return;
      const latest = this.#progress;
      if (latest !== undefined && latest !== seen) {
        seen = latest;
        yield { progress: latest };
        continue;
      }
      await Promise.race([this.#changed.promise, stopped]);
    }
  }

  #wake(): void {
    const { resolve } = this.#changed;
    this.#changed = pending();
    resolve();
  }
}

function pending(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}
