/** How close a completion's length is to a target. */
import { nonNegativeNumber, positiveNumber, z } from '@gapo/service';
import { ruleKind } from './ruleKind.js';
import { wordsOf } from './words.js';

export const length = ruleKind({
  name: 'length',
  measures: '1 / (1 + ((n − target) / scale)²), n in words, or with `unit: characters` in code points',
  keys: {
    target: nonNegativeNumber,
    scale: positiveNumber,
    unit: z.enum(['words', 'characters']).default('words'),
  },
  measure({ target, scale, unit }) {
    const lengthOf = unit === 'words' ? (text: string) => wordsOf(text).length : characterCount;
    // 1 at the target and 1/2 at one scale from it. Never flat: even far from the target, closer is
    // better.
    return ({ completion }) => 1 / (1 + ((lengthOf(completion) - target) / scale) ** 2);
  },
});

function characterCount(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
