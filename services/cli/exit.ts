/** How a command ends: the exit codes, and the errors that carry one. */
import { isExpected } from '@gapo/service';

/** Success. */
export const exitOk = 0;
/** A bug in the program: its stack is on stderr. */
export const exitDefect = 1;
/** An error that the user can fix: one line on stderr says what is wrong, where, and what to do. */
export const exitUser = 2;
/** Ended by Ctrl-C. */
export const exitInterrupted = 130;

/** Ends the command with a code and prints nothing more. */
export class Exit extends Error {
  override readonly name = 'Exit';
  /** The process's exit code. */
  readonly code: number;

  constructor(code: number) {
    super(`exit ${code}`);
    this.code = code;
  }
}

/** Returns the exit code and the stderr text for an error. */
export function outcome(error: unknown): { code: number; text: string } {
  if (error instanceof Exit) return { code: error.code, text: '' };
  if (isExpected(error)) return { code: exitUser, text: error.message };
  if (error instanceof Error) return { code: exitDefect, text: error.stack ?? error.message };
  return { code: exitDefect, text: `thrown: ${String(error)}` };
}
