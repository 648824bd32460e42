/** A canonical text for a configuration, whose hash identifies it. */
import { createHash } from 'node:crypto';

/**
 * Writes JSON with sorted keys (by UTF-16 code unit), no whitespace, and numbers as in ECMAScript, so that equal values
 * give equal texts (RFC 8785). Undefined members are omitted.
 *
 * @throws TypeError for a value that JSON cannot represent: a non-finite number, undefined in a list, a function, a bigint
 */
export function canonicalJson(value: unknown): string {
  return write(value, '$');
}

function write(value: unknown, path: string): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${path}: found ${value}, expected a finite number`);
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map((item, i) => write(item, `${path}[${i}]`)).join(',')}]`;
  if (typeof value === 'object') {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => `${JSON.stringify(key)}:${write(member, `${path}.${key}`)}`);
    return `{${members.join(',')}}`;
  }
  throw new TypeError(`${path}: found ${typeof value}, expected a value that JSON can represent`);
}

/** Returns the SHA-256 (hex) of the value's canonical JSON in UTF-8. */
export function configSha256(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value), 'utf8').digest('hex');
}
