/** The output of commands: results on stdout, everything else on stderr. */
import { toJson, type MessageInput, type MessageName } from '@gapo/rpc';
import { standardError, standardOutput, UserError } from '@gapo/service';
import { Exit, exitOk } from './exit.js';

/**
 * Prints a result on stdout.
 *
 * @throws Exit with success if nobody reads it, as in `gapo runs | head -1`; UserError if it cannot be written
 */
export function print(text: string): void {
  if (standardOutput.write(`${text}\n`)) return;
  if (standardOutput.closed) throw new Exit(exitOk);
  throw new UserError(
    `the result cannot be written to stdout: ${standardOutput.failure}; free space where stdout goes, or send it elsewhere`,
  );
}

/** Prints a JSON value on one line of stdout. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value));
}

/** Prints a protobuf message as JSON on one line of stdout. */
export function printMessage<M extends MessageName>(name: M, message: MessageInput<M>): void {
  printJson(toJson(name, message));
}

/** Prints a message on stderr. If nobody reads it, it is lost and the command continues. */
export function note(text: string): void {
  standardError.write(`${text}\n`);
}
