/** Bounds what V8 keeps of the heap beside what is in use. */
import { setFlagsFromString } from 'node:v8';

/** By how much the heap may grow beyond what was in use at the last collection, in percent. */
export const heapGrowth = {
  /** Of most processes: they do little, and their memory stays where it was after the first minutes. */
  small: 50,
  /** Of processes that tensors pass through. */
  tensors: 200,
} as const;

/**
 * Lets V8 collect garbage once the heap has grown by a share of what was in use. By default it waits for up to four times what was in use,
 * according to the rate of allocations, so that memory follows that rate and rises for minutes. A lower bound costs time: with an idle
 * machine's two cores, 80 steps of the example took, with a growth of all processes of
 *
 * | percent | seconds a step | processor seconds a step | MiB of the coordinator |
 * | --- | --- | --- | --- |
 * | 50 | 0.589 | 1.071 | 170 |
 * | 100 | 0.538 | 0.972 | 180 |
 * | 200 | 0.502 | 0.887 | 220 |
 * | 300 | 0.506 | 0.896 | 229 |
 *
 * Most of that time goes to V8's helper threads, which mark the whole heap each time that some tens of megabytes of tensors have passed. Memory outside
 * the heap, such as tensors, is bounded by V8 itself, whatever the percentage. A reward service, which holds no tensors on the heap's account, would
 * with 200 % grow for more than 10,000 steps.
 */
export function boundHeap(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}
