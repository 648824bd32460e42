/** Bounds what V8 keeps of the heap beside what is in use. */
import { setFlagsFromString } from 'node:v8';

/** By how much the heap may grow beyond what was in use at the last collection, in percent. */
export const heapGrowth = {
  /** For most processes: they do little, and their memory levels off within minutes. */
  small: 50,
  /** For processes that handle tensors. */
  tensors: 200,
} as const;

/**
 * Makes V8 collect garbage once the heap has grown by this share since the last collection. By default V8 lets the heap grow up to fourfold,
 * depending on the allocation rate, so memory keeps rising for minutes. A lower limit costs time. On two idle cores, 80 steps of the example took,
 * with the same limit in every process:
 *
 * | percent | seconds a step | processor seconds a step | MiB of the coordinator |
 * | --- | --- | --- | --- |
 * | 50 | 0.589 | 1.071 | 170 |
 * | 100 | 0.538 | 0.972 | 180 |
 * | 200 | 0.502 | 0.887 | 220 |
 * | 300 | 0.506 | 0.896 | 229 |
 *
 * Most of the difference is V8's helper threads, which mark the whole heap after every few tens of megabytes of tensors. V8 limits memory outside the
 * heap, such as tensors, whatever the percentage. With 200 % the small heap of a reward service keeps growing for more than 10,000 steps.
 */
export function boundHeap(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}
