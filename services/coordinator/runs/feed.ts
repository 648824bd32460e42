/** What happens in a run, for any number of watchers, each at its own pace. A slow one misses progress, never a step. */
import type { ProgressInput, RunInput, StepReport, WatchRunResponseInput } from '@gapo/rpc';

type Entry = { readonly run: RunInput } | { readonly step: StepReport };

/** Keeps what happened in order; progress is only ever the latest. */
export class RunFeed {
  readonly #entries: Entry[] = [];
  #progress: ProgressInput | undefined;
  #changed = resolvers();

  /** The run changed state. */
  state(run: RunInput): void {
    this.#entries.push({ run });
    this.#wake();
  }

  /** A step was taken. */
  step(step: StepReport): void {
    this.#entries.push({ step });
    this.#progress = undefined;
    this.#wake();
  }

  /** A step is under way. */
  progress(value: ProgressInput): void {
    this.#progress = value;
    this.#wake();
  }

  /**
   * What happens from now on, until `ended` says that nothing more will.
   *
   * @param signal ends the watching, whatever it waits for
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
    this.#changed = resolvers();
    resolve();
  }
}

function resolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
