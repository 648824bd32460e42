/** JSON as the data directory and events have it. */

/** Parses a message that JSON.stringify wrote. JSON has null for a non-finite number; messages have no other null. */
export function storedJson(text: string): unknown {
  return JSON.parse(text, (_, value: unknown) => (value === null ? NaN : value));
}
