/** How easy English text is to read: Flesch reading ease. */
import { ruleKind } from './ruleKind.js';

export const readability = ruleKind({
  name: 'readability',
  measures:
    "how easily English is read: Flesch's reading ease / 100, clipped to 0 (hard) and 1 (easy); 0 without a word",
  keys: {},
  measure:
    () =>
    ({ completion }) =>
      Math.min(Math.max((readingEase(completion) ?? 0) / 100, 0), 1),
});

/**
 * Returns the reading ease, from about 0 (very hard) to 100 (very easy): 206.835 - 1.015 words/sentences - 84.6 syllables/words (Flesch
 * 1948, "A new readability yardstick", Journal of Applied Psychology 32(3), 221-233). A sentence ends at whitespace after . ! or ?, or
 * at the end of a line. {@link syllables} counts the syllables.
 *
 * @returns undefined for a text without words
 */
export function readingEase(text: string): number | undefined {
  const sentences = text
    .split(/(?<=[.!?])["'”’)\]]*\s+|\n+/u)
    .map((sentence) => sentence.match(/[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu) ?? [])
    .filter((words) => words.length > 0);
  const words = sentences.flat();
  if (words.length === 0) return undefined;
  const count = words.reduce((sum, word) => sum + syllables(word), 0);
  return 206.835 - (1.015 * words.length) / sentences.length - (84.6 * count) / words.length;
}

/** Counts an English word's syllables: its runs of vowels, without a silent final e (make, makes, asked). At least 1. */
export function syllables(word: string): number {
  const heard = word.toLowerCase().replace(/(?<=[^td])ed$|(?<=[^cgsxzh])es$|(?<![^aeiouy]l)e$/u, '');
  return Math.max(heard.match(/[aeiouy]+/gu)?.length ?? 0, 1);
}
