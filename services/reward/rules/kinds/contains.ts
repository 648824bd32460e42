/** Whether words or phrases occur, or the share of them that occur. */
import { nonEmptyText, z } from '@gapo/service';
import { ruleKind } from './ruleKind.js';
import { folded, occurrences } from './words.js';

export const contains = ruleKind({
  name: 'contains',
  measures:
    '1 if any of the words or phrases occurs, whole and in any case, else 0; with `count: share` the share that occur',
  keys: { words: z.array(nonEmptyText).min(1), count: z.enum(['any', 'share']).default('any') },
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
