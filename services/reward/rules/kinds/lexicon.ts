/** The sum of the weights of the words and phrases that occur. */
import { positiveInt, z } from '@gapo/service';
import { common, ruleKind, text, weight } from './ruleKind.js';
import { folded, occurrences } from './words.js';

export const lexicon = ruleKind({
  schema: z
    .object({
      kind: z.literal('lexicon'),
      /** The weight of each word or phrase. */
      words: z.record(text, weight).meta({ expected: 'a mapping from words or phrases to their weights' }),
      /** How often an occurrence of the same word counts. */
      most: positiveInt.default(1),
      ...common,
    })
    .superRefine(({ words }, context) => {
      const given = Object.keys(words);
      if (given.length === 0) context.addIssue({ code: 'custom', path: ['words'], message: 'at least one word' });
      const first = new Map<string, string>();
      for (const word of given) {
        const other = first.get(folded(word));
        if (other === undefined) first.set(folded(word), word);
        else
          context.addIssue({ code: 'custom', path: ['words', word], message: `one weight for "${other}" in any case` });
      }
    }),
  range({ words, most }) {
    const weights = Object.values(words);
    const sum = (part: (w: number) => number): number => weights.reduce((total, w) => total + most * part(w), 0);
    return { minimum: sum((w) => Math.min(w, 0)), maximum: sum((w) => Math.max(w, 0)) };
  },
  measure({ words, most }) {
    // In one order, whatever the file's: sums of the same numbers are then the same.
    const entries = Object.entries(words)
      .map(([word, w]) => [folded(word), w] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return ({ completion }) => {
      const within = folded(completion);
      return entries.reduce((sum, [word, w]) => sum + w * occurrences(word, within, most), 0);
    };
  },
});
