/** Errors that stop a run before its last step, by the state that they lead to. */

/** Something outside the run must be fixed first: the run pauses and can be resumed. */
export class PauseNeeded extends Error {
  override readonly name = 'PauseNeeded';
  /** The message says what is wrong, where, and what to do: logs omit the stack. */
  readonly expected = true;
}

/** The run cannot continue: it fails, and can be resumed once the cause is fixed. */
export class RunFailure extends Error {
  override readonly name = 'RunFailure';
  readonly expected = true;
}

/** Returns the reason that a signal aborted for. */
export function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason));
}

/** @throws the signal's abort reason, if it has aborted */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortReason(signal);
}
