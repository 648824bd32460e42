/** Errors meant for the person at the keyboard: their message is all that is printed, without a stack. */

/**
 * Something outside the program is wrong and a person can mend it: a file is missing, a port is taken, a server is away.
 * The message says what is wrong, where, and what to do, in one line (several lines where there are several problems).
 * `runService` prints it and exits with code 2.
 */
export class UserError extends Error {
  override readonly name: string = 'UserError';
  /** Marks the error as one that needs no stack; any error with `expected: true` is treated alike. */
  readonly expected = true;
}

/** Whether an error was meant for a person: a `UserError`, or any object whose `expected` is true. */
export function isExpected(error: unknown): error is { message: string; expected: true } {
  return (
    typeof error === 'object' &&
    error !== null &&
    'expected' in error &&
    error.expected === true &&
    'message' in error &&
    typeof error.message === 'string'
  );
}
