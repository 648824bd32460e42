/** Expected errors: only their message is printed, without a stack. */

/**
 * An expected error, whose cause is outside the program: a file is missing, a port is taken, a server does not answer. The
 * message says what is wrong, where, and what to do, with one line per problem. `runService` prints it and exits with code 2.
 */
export class UserError extends Error {
  override readonly name: string = 'UserError';
  /** Marks the error as expected; any error with `expected: true` is treated in the same way. */
  readonly expected = true;
}

/** Whether an error is expected: a `UserError`, or any object whose `expected` is true. */
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
