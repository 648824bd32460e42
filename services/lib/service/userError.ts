/** Expected errors: only their message is printed, without a stack. */

/**
 * An expected error, whose cause is outside the program: a file is missing, a port is taken, a server does not answer. The
 * message says what is wrong, where, and what to do, with one line per problem. `runService` prints it and exits with code 2.
 */
export class UserError extends Error {
  override readonly name: string = 'UserError';
  /** Marks the error as expected; any error with `expected: true` is treated the same way. */
  readonly expected = true;

  constructor(message: string, options?: ErrorOptions) {
    super(quotingBriefly(message), options);
  }
}

/**
 * Shortens every word of more than 500 characters in a message. Paths are shorter; longer words are quoted from a damaged or
 * malicious file or request, and would fill logs and screens.
 */
export function quotingBriefly(message: string): string {
  return message.replaceAll(/\S{501,}/gu, (word) => `${word.slice(0, 200)}…${word.slice(-100)}`);
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
