/** How much of a completion repeats itself. */
import { positiveInt } from '@gapo/service';
import { ruleKind } from './ruleKind.js';
import { folded, wordsOf } from './words.js';

export const repetition = ruleKind({
  name: 'repetition',
  measures: 'the share of runs of `words` (default 2) words that occurred before in the completion',
  keys: { words: positiveInt.default(2) },
  measure:
    ({ words }) =>
    ({ completion }) =>
      repeatedShare(wordsOf(completion).map(folded), words),
});

/**
 * Returns the share of sequences of `count` words that occurred before, from 0 (none) towards 1.
 */
function repeatedShare(words: readonly string[], count: number): number {
  const total = words.length - count + 1;
  if (total < 1) return 0;
  const seen = new Set<string>();
  for (let at = 0; at < total; at++) seen.add(words.slice(at, at + count).join(' '));
  return 1 - seen.size / total;
}
