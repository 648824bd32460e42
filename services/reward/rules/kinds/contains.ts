/** Whether words or phrases occur, or which share of them. */
import { z } from '@gapo/service';
import { common, ruleKind, text } from './ruleKind.js';
import { folded, occurrences } from './words.js';

export const contains = ruleKind({
  schema: z.object({
    kind: z.literal('contains'),
    words: z.array(text).min(1),
    count: z.enum(['any', 'share']).default('any'),
    ...common,
  }),
  measure({ words: given, count }) {
    const words = given.map(folded);
    const enough = count === 'any' ? 1 : words.length;
    return ({ completion }) => {
      const within = folded(completion);
      const found = words.filter((word) => occurrences(word, within, 1) > 0).length;
      return Math.min(found, enough) / enough;
    };
  },
});
