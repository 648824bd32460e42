/** How close a completion's length is to a target. */
import { nonNegativeNumber, positiveNumber, z } from '@gapo/service';
import { common, ruleKind } from './ruleKind.js';
import { wordsOf } from './words.js';

export const length = ruleKind({
  schema: z.object({
    kind: z.literal('length'),
    target: nonNegativeNumber,
    scale: positiveNumber,
    unit: z.enum(['words', 'characters']).default('words'),
    ...common,
  }),
  measure({ target, scale, unit }) {
    const lengthOf = unit === 'words' ? (text: string) => wordsOf(text).length : characterCount;
    // 1 at the target, 1/2 one scale away, and never flat: a far length still knows the direction.
    return ({ completion }) => 1 / (1 + ((lengthOf(completion) - target) / scale) ** 2);
  },
});

/** Code points. */
function characterCount(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
