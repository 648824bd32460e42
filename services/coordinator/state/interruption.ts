/** Why a run stops before its last step, told apart by what it becomes. */

/** Something outside the run must be mended first; the run pauses and can be resumed. */
export class PauseNeeded extends Error {
  override readonly name = 'PauseNeeded';
  /** What is wrong, where, and what to do, is the message: no stack is needed. */
  readonly expected = true;
}

/** The run cannot go on as it is; it fails, and can be resumed once the cause is mended. */
export class RunFailure extends Error {
  override readonly name = 'RunFailure';
  readonly expected = true;
}

/** What a signal aborted for. */
export function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason));
}

/** Throws what a signal aborted for, where it did. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortReason(signal);
}
