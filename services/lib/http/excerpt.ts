/** Short quotations of what a server answered, for error messages. */

/**
 * Returns the beginning of a text on one line.
 *
 * @param longest characters
 */
export function excerpt(text: string, longest = 200): string {
  // eslint-disable-next-line no-control-regex -- control characters would disturb a terminal
  const line = text.slice(0, 4 * longest).replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ').trim(); // prettier-ignore
  const characters = Array.from(line);
  const complete = text.length <= 4 * longest && characters.length <= longest;
  return complete ? line : `${characters.slice(0, longest).join('')}…`;
}

/** Returns the beginning of a text in quotes. */
export function quoted(text: string): string {
  return JSON.stringify(excerpt(text));
}

/** Returns the beginning of a JSON value. Numbers that are not finite are written as Python's json writes them. */
export function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  if (typeof value === 'number') return String(value);
  try {
    return excerpt(JSON.stringify(value, (_, inner: unknown) => readable(inner)));
  } catch {
    return 'a value that is nested too deeply'; // values of JSON have no other reason
  }
}

function readable(value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}
