/**
 * The progress of a batch in shared memory: if a thread is terminated in the middle of an item, the scores of the items
 * before it remain.
 */

/** Memory shared by the main thread and the worker. */
export interface ProgressMemory {
  /** [1] How many items have a score; −1 before the worker begins. */
  readonly finished: Int32Array;
  /** [items] */
  readonly scores: Float64Array;
}

/** Allocates memory for a batch that has not begun. */
export function progressMemory(items: number): ProgressMemory {
  const finished = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  finished[0] = -1;
  return { finished, scores: new Float64Array(new SharedArrayBuffer(items * Float64Array.BYTES_PER_ELEMENT)) };
}

/** Returns how many items have a score; −1 before the worker begins. */
export function finishedItems({ finished }: ProgressMemory): number {
  return Atomics.load(finished, 0);
}

/** Records that the worker begins. */
export function begin({ finished }: ProgressMemory): void {
  Atomics.store(finished, 0, 0);
}

/** Writes a score, then counts it as finished. */
export function finish({ finished, scores }: ProgressMemory, index: number, score: number): void {
  scores[index] = score;
  Atomics.store(finished, 0, index + 1);
}
