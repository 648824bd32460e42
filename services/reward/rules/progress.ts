/**
 * How far a batch has come, in memory that both threads see: a thread that is ended in the middle of an item leaves the
 * scores it had.
 */

/** The shared memory, as it crosses to the thread. */
export interface ProgressMemory {
  /** One element: how many items have their score; −1 before the thread begins. */
  readonly finished: Int32Array;
  /** One element for each item. */
  readonly scores: Float64Array;
}

/** Memory for a batch that nobody has begun. */
export function progressMemory(items: number): ProgressMemory {
  const finished = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  finished[0] = -1;
  return { finished, scores: new Float64Array(new SharedArrayBuffer(items * Float64Array.BYTES_PER_ELEMENT)) };
}

/** How many items have their score; −1 before the thread begins. */
export function finishedItems({ finished }: ProgressMemory): number {
  return Atomics.load(finished, 0);
}

/** Says that the thread begins. */
export function begin({ finished }: ProgressMemory): void {
  Atomics.store(finished, 0, 0);
}

/** Writes a score, then says so. */
export function finish({ finished, scores }: ProgressMemory, index: number, score: number): void {
  scores[index] = score;
  Atomics.store(finished, 0, index + 1);
}
