/** Messages between a process and the child process that runs its tasks. */
import type { Outcome } from '../thread/workerThread.js';

/** A task. */
export interface ToChild {
  readonly name: string;
  readonly argument: unknown;
}

/** The progress of the task, its result, or the error of a bug. */
export type FromChild =
  { readonly progress: unknown } | { readonly result: Outcome<unknown> } | { readonly defect: Error };
