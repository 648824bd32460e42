/** Errors that stop a run before its last step, by the resulting state. */

/** A fault outside a run, such as a reward service that does not answer. */
export interface Fault {
  /** What the run waits for, such as `reward harmless at 127.0.0.1:50062`. */
  readonly waitingFor: string;
  /**
   * Checks whether the fault is over. Called repeatedly; must always settle.
   *
   * @throws Error saying in a few words why it is not over
   */
  readonly check: (signal: AbortSignal) => Promise<void>;
}

/** Combines several faults into one that is over once all of them are. */
export function allFaults(faults: readonly Fault[]): Fault {
  return {
    waitingFor: faults.map(({ waitingFor }) => waitingFor).join(', '),
    check: async (signal) => {
      await Promise.all(faults.map(({ check }) => check(signal)));
    },
  };
}

/**
 * Something outside the run must be fixed first: the run pauses, and can be resumed. The message says what is wrong, where,
 * and what to do; the run adds whether it will resume automatically.
 */
export class PauseNeeded extends Error {
  override readonly name = 'PauseNeeded';
  /** Logs omit the stack trace. */
  readonly expected = true;
  readonly fault: Fault;

  constructor(message: string, fault: Fault, options?: ErrorOptions) {
    super(message, options);
    this.fault = fault;
  }
}

/** The run cannot continue: it fails, and can be resumed once the cause is fixed. */
export class RunFailure extends Error {
  override readonly name = 'RunFailure';
  readonly expected = true;
}

/** Returns a signal's abort reason. */
export function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason));
}

/** @throws the signal's abort reason, if it has aborted */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortReason(signal);
}
