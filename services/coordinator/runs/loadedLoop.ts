/** A run's training loop while it is in memory. */
import type { VersionStore } from '../state/versions.js';
import type { IdleLoops } from './idleLoops.js';
import type { RestoredLoop } from './restoredLoop.js';
import type { TrainingLoop } from './trainingLoop.js';

/** A training loop that stays in memory until it is released. */
export interface HeldLoop {
  readonly loop: TrainingLoop;
  /** The key by which workers fetch its versions. Stays valid after a resumption has given the run another key. */
  readonly key: string;
  readonly release: () => void;
}

/** Constructor arguments of a {@link LoadedLoop}. */
export interface LoadedLoopOptions {
  readonly runId: string;
  /** Returns the key by which workers fetch the run's versions. */
  readonly key: () => string;
  readonly idleLoops: IdleLoops;
  /**
   * Reads the loop from disk.
   *
   * @param known the loop in memory; its files are not read again
   */
  readonly read: (known: TrainingLoop | undefined, acceptChangedInputs: boolean) => Promise<RestoredLoop>;
  /** Returns whether the run is training and therefore uses the loop. */
  readonly isTraining: () => boolean;
  /** Called when a loop is removed from memory. */
  readonly released: (loop: TrainingLoop) => void;
}

/** Keeps the loop of one run in memory while it is in use, and afterwards until enough other loops have been used. */
export class LoadedLoop {
  readonly #options: LoadedLoopOptions;
  #current: TrainingLoop | undefined;
  #restoring: Promise<RestoredLoop> | undefined;
  /** Number of {@link HeldLoop}s, including those still being read. */
  #holders = 0;
  readonly #held = new Set<HeldLoop>();
  /** Loops that were released while still held. */
  readonly #abandoned: TrainingLoop[] = [];

  constructor(options: LoadedLoopOptions) {
    this.#options = options;
  }

  /** The loop; undefined unless the run is being trained or evaluated, or was until recently. */
  get current(): TrainingLoop | undefined {
    return this.#current;
  }

  /** Sets the loop when the run starts. */
  start(loop: TrainingLoop): void {
    this.#current = loop;
  }

  /**
   * Reads the loop of a run that resumes from its last checkpoint. Concurrent callers share one read, except that a caller who
   * accepts changed inputs never shares the read of one who does not.
   *
   * @throws UserError if a file or service is not valid
   */
  restore(acceptChangedInputs = false): Promise<RestoredLoop> {
    this.#options.idleLoops.remove(this.#options.runId);
    const running = this.#restoring;
    if (running === undefined) return this.#startRestoring(acceptChangedInputs);
    if (!acceptChangedInputs) return running;
    return running.then(
      () => this.restore(true),
      () => this.restore(true),
    );
  }

  #startRestoring(acceptChangedInputs: boolean): Promise<RestoredLoop> {
    const { read } = this.#options;
    return (this.#restoring = read(this.#current, acceptChangedInputs)
      .then((restored) => {
        this.#current = restored.loop;
        return restored;
      })
      .finally(() => (this.#restoring = undefined)));
  }

  /**
   * Keeps the loop in memory until it is released. Reads it from disk if necessary.
   *
   * @throws UserError if a file or service is not valid
   */
  async hold(): Promise<HeldLoop> {
    this.#holders += 1;
    this.#options.idleLoops.remove(this.#options.runId);
    let released = false;
    let held: HeldLoop | undefined;
    const release = (): void => {
      if (released) return;
      released = true;
      this.#holders -= 1;
      if (held !== undefined) this.#held.delete(held);
      if (this.#holders === 0) for (const loop of this.#abandoned.splice(0)) loop.training.rewards.close();
      this.retire();
    };
    try {
      const loop = this.#current ?? (await this.restore()).loop;
      held = { loop, key: this.#options.key(), release };
      this.#held.add(held);
      return held;
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Returns the store that has a version of a key or, if none has it, any store of that key; undefined if there is none. */
  versionsOf(key: string, version: number): VersionStore | undefined {
    const held = [...this.#held].filter((each) => each.key === key).map(({ loop }) => loop.versions);
    const { current } = this;
    if (current !== undefined && key === this.#options.key()) held.unshift(current.versions);
    return held.find((versions) => versions.get(version) !== undefined) ?? held[0];
  }

  /** Moves the loop to the idle ones if it is not in use. */
  retire(): void {
    const { runId, idleLoops, isTraining } = this.#options;
    if (this.#current === undefined || this.#holders > 0 || isTraining()) return;
    idleLoops.add(runId, () => this.release());
  }

  /** Releases the loop: the next use reads it from disk. Existing {@link HeldLoop}s stay valid. */
  release(): void {
    const loop = this.#current;
    this.#current = undefined;
    this.#options.idleLoops.remove(this.#options.runId);
    if (loop === undefined) return;
    this.#options.released(loop);
    if (this.#holders > 0) this.#abandoned.push(loop);
    else loop.training.rewards.close();
  }
}
