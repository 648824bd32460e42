/** What commands print: results on stdout, everything else on stderr. */
import { toJson, type MessageInput, type MessageName } from '@gapo/rpc';

/** Prints a result on stdout. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Prints a JSON value on one line of stdout. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value));
}

/** Prints a protobuf message as JSON on one line of stdout. */
export function printMessage<M extends MessageName>(name: M, message: MessageInput<M>): void {
  printJson(toJson(name, message));
}

/** Prints a message on stderr. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}
