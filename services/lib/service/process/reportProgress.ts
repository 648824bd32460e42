/** Reports of a task in a child process. */
import type { FromChild } from './messages.js';

/** Reports the progress of the task to the caller of `WorkerProcess.run`. */
export function reportProgress(progress: unknown): void {
  process.send?.({ progress } satisfies FromChild);
}
