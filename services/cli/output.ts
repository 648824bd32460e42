/** What commands print: results on stdout, everything else on stderr. */

/** A result, on stdout. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** One JSON value on one line of stdout. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value));
}

/** A remark, on stderr. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}
