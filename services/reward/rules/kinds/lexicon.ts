/** The sum of the weights of the words and phrases that occur. */
import { nonEmptyText, positiveInt, z } from '@gapo/service';
import { ruleKind, weight } from './ruleKind.js';
import { folded, occurrences } from './words.js';

export const lexicon = ruleKind({
  name: 'lexicon',
  measures:
    'the sum of the weights of the words or phrases that occur, whole and in any case; each counts at most `most` times (default 1)',
  keys: {
    /** The weight of each word or phrase. */
    words: z.record(nonEmptyText, weight).meta({ expected: 'a mapping from words or phrases to their weights' }),
    /** Maximum number of occurrences of one word that count. */
    most: positiveInt.default(1),
  },
  check({ words }, refuse) {
    const given = Object.keys(words);
    if (given.length === 0) refuse('words', 'at least one word');
    const first = new Map<string, string>();
    for (const word of given) {
      const other = first.get(folded(word));
      if (other === undefined) first.set(folded(word), word);
      else refuse(['words', word], `one weight for "${other}" in any case`);
    }
  },
  range({ words, most }) {
    const weights = Object.values(words);
    const sum = (part: (w: number) => number): number => weights.reduce((total, w) => total + most * part(w), 0);
    return { minimum: sum((w) => Math.min(w, 0)), maximum: sum((w) => Math.max(w, 0)) };
  },
  measure({ words, most }) {
    // Sorted, because a floating-point sum depends on the order but a score must not depend on the
    // file's order.
    const entries = Object.entries(words)
      .map(([word, w]) => [folded(word), w] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return ({ completion }) => {
      const within = folded(completion);
      return entries.reduce((sum, [word, w]) => sum + w * occurrences(word, within, most), 0);
    };
  },
});
