/** How a command ends: the exit codes, and the errors that carry one. */
import { RpcError } from '@gapo/rpc';
import { isExpected } from '@gapo/service';

/** Done. */
export const exitOk = 0;
/** A defect of the program: its stack is on stderr. */
export const exitDefect = 1;
/** Something a person can mend: one line on stderr says what, where and what to do. */
export const exitUser = 2;
/** Ended by Ctrl-C. */
export const exitInterrupted = 130;

/** Ends the command with a code; everything that had to be said has been said. */
export class Exit extends Error {
  override readonly name = 'Exit';
  /** The process's exit code. */
  readonly code: number;

  constructor(code: number) {
    super(`exit ${code}`);
    this.code = code;
  }
}

/** What an error means for the process: its exit code, and the text for stderr. */
export function outcome(error: unknown): { code: number; text: string } {
  if (error instanceof Exit) return { code: error.code, text: '' };
  if (isExpected(error)) return { code: exitUser, text: error.message };
  if (error instanceof RpcError) return { code: exitDefect, text: error.stack ?? error.message };
  if (error instanceof Error) return { code: exitDefect, text: error.stack ?? error.message };
  return { code: exitDefect, text: `thrown: ${String(error)}` };
}
