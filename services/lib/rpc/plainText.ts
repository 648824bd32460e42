/** Makes untrusted text safe for terminals and logs. */

/**
 * Control characters other than line breaks and tabs, and those that reorder or break a line: U+2028 to U+202E and U+2066 to
 * U+2069.
 */
const unsafe = /(?![\n\t])[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu;

/**
 * Returns a text without characters that could change a terminal, forge lines or reorder what is shown. Line breaks and tabs stay.
 *
 * @example
 * ```ts
 * import { plainText } from '@gapo/rpc';
 * console.log(plainText('bad \u001b[31mred')); // bad [31mred
 * ```
 */
export function plainText(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(unsafe, '');
}

/** Returns a text as a JSON string, with those characters escaped. */
export function quotedText(text: string): string {
  const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(text).replace(unsafe, escaped);
}
