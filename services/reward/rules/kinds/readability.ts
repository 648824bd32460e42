/** How easily English is read: Flesch's reading ease. */
import { z } from '@gapo/service';
import { common, ruleKind } from './ruleKind.js';

export const readability = ruleKind({
  schema: z.object({ kind: z.literal('readability'), ...common }),
  measure:
    () =>
    ({ completion }) =>
      Math.min(Math.max((readingEase(completion) ?? 0) / 100, 0), 1),
});

/**
 * Reading ease, of which 100 is very easy and 0 very hard: 206.835 - 1.015 words/sentences - 84.6 syllables/words (Flesch
 * 1948, "A new readability yardstick", Journal of Applied Psychology 32(3), 221-233). A sentence ends with white space behind
 * . ! or ?, or with its line; syllables are counted by {@link syllables}.
 *
 * @returns undefined where there is no word
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

/** An English word's syllables: its runs of vowels, but for an e at the end that is not heard (make, makes, asked). At least 1. */
export function syllables(word: string): number {
  const heard = word.toLowerCase().replace(/(?<=[^td])ed$|(?<=[^cgsxzh])es$|(?<![^aeiouy]l)e$/u, '');
  return Math.max(heard.match(/[aeiouy]+/gu)?.length ?? 0, 1);
}
