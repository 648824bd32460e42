/** JSON as stored in the data directory and in events. */

/**
 * Parses a message written by JSON.stringify. It writes non-finite numbers as null; messages contain no other null.
 */
export function storedJson(text: string): unknown {
  return JSON.parse(text, (_, value: unknown) => (value === null ? NaN : value));
}
