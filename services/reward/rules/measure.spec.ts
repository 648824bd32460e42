import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { oneTurn } from '@gapo/reward/testing';
import fc from 'fast-check';
import type { Rule } from './kinds/ruleKind.js';
import { compile as compileRules } from './measure.js';

/** The score of a completion; these rules ignore the prompt. */
function compile(rules: readonly Rule[]): (completion: string) => number {
  const measure = compileRules(rules);
  return (completion) => measure(oneTurn('', completion));
}

const contains = (words: string[], count: 'any' | 'share' = 'any'): Rule => ({
  kind: 'contains',
  words,
  count,
  weight: 1,
});

describe('what rules measure', () => {
  test('a word is found whole, in any case and composition, beside any punctuation', () => {
    const measure = compile([contains(['café', 'sorry'])]);
    for (const text of ['Café!', 'cafe\u0301', '(SORRY)', 'i am sorry.', '🙂café🙂'])
      assert.equal(measure(text), 1, text);
    for (const text of ['cafés', 'cafe', 'sorryful', 'unsorry', 'café\u0301', '']) assert.equal(measure(text), 0, text);
    assert.equal(measure('sorryful, sorry'), 1, 'a later place counts');
  });

  test('phrases and scripts without spaces are found too', () => {
    assert.equal(compile([contains(['thank you'])])('Thank you, thanks'), 1);
    assert.equal(compile([contains(['谢谢'])])('非常谢谢你'), 1);
  });

  test('share counts how many of the words occur', () => {
    assert.equal(compile([contains(['a', 'b', 'c', 'd'], 'share')])('a c a'), 0.5);
  });

  test('characters are code points', () => {
    const rule: Rule = { kind: 'length', target: 3, scale: 1, unit: 'characters', weight: 1 };
    assert.equal(compile([rule])('🙂🙂🙂'), 1);
  });

  test('repetition is the share of runs of words that occurred before', () => {
    const measure = compile([{ kind: 'repetition', words: 1, weight: 1 }]);
    assert.equal(measure('a b A b'), 0.5);
    assert.equal(measure('a b c'), 0);
    assert.equal(measure(''), 0);
    assert.equal(compile([{ kind: 'repetition', words: 2, weight: 1 }])('a'), 0);
  });

  test('every measure of any text is from 0 to 1 and deterministic', () => {
    const kinds: Rule[] = [
      { kind: 'length', target: 5, scale: 1e-6, unit: 'words', weight: 1 },
      contains(['a', ' ', '\u0301'], 'share'),
      { kind: 'regex', pattern: '\\p{L}', flags: 'u', weight: 1 },
      { kind: 'repetition', words: 2, weight: 1 },
    ];
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.constantFrom(...kinds), (text, rule) => {
        const score = compile([rule])(text);
        assert.ok(score >= 0 && score <= 1, `${score}`);
        assert.equal(compile([rule])(text), score);
      }),
    );
  });
});
