/** Comparisons: which reply is better on which objective, from indices, ratings, and the order of a pair. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { UserError } from '@gapo/service';
import { Columns } from './columns.js';
import { comparisonForm, type LabelSources } from './comparisonForm.js';

const replies = { chosen: 'response_0', rejected: 'response_1' };
const row = { prompt: 'a', response_0: 'b', response_1: 'c' };
const both = { helpful: 'better', harmless: 'safer' };

/** A completion of UltraFeedback. */
function completion(response: string, helpfulness: unknown, honesty: unknown): object {
  return { response, annotations: { helpfulness: { Rating: helpfulness }, honesty: { Rating: honesty } } };
}

/** Returns a row's pairs as [chosen, rejected, labels]. */
function pairsIn(values: object, sources: LabelSources, map = {}): unknown[] {
  const { pairs } = comparisonForm(new Columns(values as Record<string, unknown>, map), sources);
  return pairs.map(({ chosen, rejected, labels }) => [chosen, rejected, labels]);
}

describe('two replies', () => {
  for (const [what, better, safer, expected] of [
    ['the first is better on both', 0, 0, ['b', 'c', { helpful: 1, harmless: 1 }]],
    ['the second is safer', 0, 1, ['b', 'c', { helpful: 1, harmless: -1 }]],
    ['the second is better', 1, 0, ['c', 'b', { helpful: 1, harmless: -1 }]],
    ['the second is better on both', 1, 1, ['c', 'b', { helpful: 1, harmless: 1 }]],
    ['one has no label, and the second is safer', null, 1, ['c', 'b', { harmless: 1 }]],
  ] as const) {
    test(what, () => assert.deepEqual(pairsIn({ ...row, better, safer }, both, replies), [expected]));
  }

  test('without a source, chosen is better', () => {
    const talk = (reply: string): string => `\n\nHuman: a\n\nAssistant: ${reply}`;
    const transcripts = { chosen: talk('b'), rejected: talk('c') };
    assert.deepEqual(pairsIn(transcripts, { helpful: undefined }), [['b', 'c', { helpful: 1 }]]);
  });
});

describe('rated completions', () => {
  const completions = [completion('b', '5', '2'), completion('c', '3', 'N/A'), completion('d', '3', '4')];

  test('any two with different ratings are a pair', () => {
    assert.deepEqual(pairsIn({ instruction: 'a', completions }, { helpful: 'helpfulness' }), [
      ['b', 'c', { helpful: 1 }],
      ['b', 'd', { helpful: 1 }],
    ]);
  });

  test('each objective has its own order, and N/A is not a label', () => {
    assert.deepEqual(pairsIn({ instruction: 'a', completions }, { honest: 'honesty', helpful: 'helpfulness' }), [
      ['b', 'c', { helpful: 1 }],
      ['d', 'b', { honest: 1, helpful: -1 }],
    ]);
  });

  test('a blank response is left out, with the reason', () => {
    const values = { instruction: 'a', completions: [...completions, completion('', '1', '1')] };
    const { pairs, leftOut } = comparisonForm(new Columns(values), { helpful: 'helpfulness' });
    assert.equal(pairs.length, 2);
    assert.deepEqual(leftOut, ['completions: a response is blank']);
  });
});

describe('rows without a pair', () => {
  for (const [message, values, sources, map] of [
    [/^better: found number 2, expected 0 .* or 1/, { ...row, better: 2 }, { helpful: 'better' }, replies],
    [/^found nothing in worse; the columns are prompt, /, row, { helpful: 'worse' }, replies],
    [/^rejected: is blank/, { ...row, response_1: ' ', better: 0 }, { helpful: 'better' }, replies],
    [/^rejected: is the same text as chosen/, { ...row, response_1: 'b', better: 0 }, { helpful: 'better' }, replies],
    [
      /^completions: no two are rated differently/,
      { instruction: 'a', completions: [completion('b', '3', '3'), completion('c', '3', '1')] },
      { helpful: 'helpfulness' },
      {},
    ],
    [
      /^completions\[0\]\.annotations\.helpfulness\.Rating: found a text/,
      { instruction: 'a', completions: [completion('b', 'good', '3')] },
      { helpful: 'helpfulness' },
      {},
    ],
    [
      /^completions\[0\]\.annotations\.safety: found nothing/,
      { instruction: 'a', completions: [completion('b', '3', '3')] },
      { harmless: 'safety' },
      {},
    ],
    [
      /^completions: name the aspect .* the aspects are helpfulness, honesty/,
      { instruction: 'a', completions: [completion('b', '3', '3')] },
      { helpful: undefined },
      {},
    ],
  ] as const) {
    test(String(message), () => {
      assert.throws(
        () => pairsIn(values, sources, map),
        (error: unknown) => error instanceof UserError && message.test(error.message),
      );
    });
  }
});
