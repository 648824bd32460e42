/** A run's training loop while it is in memory. */
import type { IdleLoops } from './idleLoops.js';
import type { RestoredLoop } from './restoredLoop.js';
import type { TrainingLoop } from './trainingLoop.js';

/** A training loop that stays in memory until it is released. */
export interface HeldLoop {
  readonly loop: TrainingLoop;
  readonly release: () => void;
}

/** Constructor arguments of a {@link LoadedLoop}. */
export interface LoadedLoopOptions {
  readonly runId: string;
  readonly idleLoops: IdleLoops;
  /**
   * Reads the loop from disk.
   *
   * @param known the loop that is in memory; its files are not read again
   */
  readonly read: (known: TrainingLoop | undefined, acceptChangedInputs: boolean) => Promise<RestoredLoop>;
  /** Returns whether the run trains, which uses the loop. */
  readonly isTraining: () => boolean;
  /** Observes that a loop leaves memory. */
  readonly released: (loop: TrainingLoop) => void;
}

/** Holds the loop of one run for as long as it is used, and for as long as few others were used since. */
export class LoadedLoop {
  readonly #options: LoadedLoopOptions;
  #current: TrainingLoop | undefined;
  #restoring: Promise<RestoredLoop> | undefined;
  /** Number of {@link HeldLoop}s. */
  #holders = 0;

  constructor(options: LoadedLoopOptions) {
    this.#options = options;
  }

  /** The loop; undefined unless the run trains, is evaluated, or was until recently. */
  get current(): TrainingLoop | undefined {
    return this.#current;
  }

  /** Sets the loop of a run that starts. */
  start(loop: TrainingLoop): void {
    this.#current = loop;
  }

  /**
   * Reads the loop of a run that resumes from its last checkpoint. Concurrent callers share one read.
   *
   * @throws UserError if a file or service is not valid
   */
  restore(acceptChangedInputs = false): Promise<RestoredLoop> {
    const { read, runId, idleLoops } = this.#options;
    idleLoops.remove(runId);
    return (this.#restoring ??= read(this.#current, acceptChangedInputs)
      .then((restored) => {
        this.#current = restored.loop;
        return restored;
      })
      .finally(() => (this.#restoring = undefined)));
  }

  /**
   * Keeps the loop in memory until it is released. Reads it from disk if it is not there.
   *
   * @throws UserError if a file or service is not valid
   */
  async hold(): Promise<HeldLoop> {
    this.#holders += 1;
    this.#options.idleLoops.remove(this.#options.runId);
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      this.#holders -= 1;
      this.retire();
    };
    try {
      return { loop: this.#current ?? (await this.restore()).loop, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Leaves the loop to the idle ones if nothing uses it. */
  retire(): void {
    const { runId, idleLoops, isTraining } = this.#options;
    if (this.#current === undefined || this.#holders > 0 || isTraining()) return;
    idleLoops.add(runId, () => this.release());
  }

  /** Releases the loop: the next use reads it from disk. */
  release(): void {
    const loop = this.#current;
    this.#current = undefined;
    this.#options.idleLoops.remove(this.#options.runId);
    if (loop === undefined) return;
    loop.training.rewards.close();
    this.#options.released(loop);
  }
}
