/** Bounds what V8 keeps of the heap beside what is in use. */
import { setFlagsFromString } from 'node:v8';

/** By how much the heap may grow beyond what was in use at the last collection, in percent. */
const growingPercent = 50;

/**
 * Lets V8 collect garbage once the heap has grown by half. By default it waits for up to four times what was in use, according to the rate of
 * allocations, so that memory follows that rate: a coordinator with 36 MiB in use took 160 MiB at first, and 220 MiB after three minutes of steps
 * (make soak). With the bound it takes 155 MiB, and collections 2.1 % of the time in place of 2.0 %: they are more, and each has less to do.
 */
export function boundHeap(): void {
  setFlagsFromString(`--heap-growing-percent=${growingPercent}`);
}
