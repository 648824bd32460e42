/** Errors that stop a run before its last step, by the state that they lead to. */

/** A fault outside a run, such as a reward service that does not answer. */
export interface Fault {
  /** What the run waits for, such as `reward harmless at 127.0.0.1:50062`. */
  readonly waitingFor: string;
  /**
   * Checks whether the fault is over. It is called repeatedly, and must end by itself.
   *
   * @throws Error whose message says why it is not, in a few words
   */
  readonly check: (signal: AbortSignal) => Promise<void>;
}

/** Returns the fault that is over once all of several are. */
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
 * and what to do; the run adds whether it resumes by itself.
 */
export class PauseNeeded extends Error {
  override readonly name = 'PauseNeeded';
  /** Logs omit the stack. */
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

/** Returns the reason that a signal aborted for. */
export function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason));
}

/** @throws the signal's abort reason, if it has aborted */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortReason(signal);
}
