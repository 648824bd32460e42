// Pairs: the loss and its slope, and the labels of each objective.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PairRecord } from '../../data/texts.js';
import { pairSignal, type PairInput } from './pairs.js';
import { drawPairs } from './pairStep.js';

const input: PairInput = {
  names: ['a', 'b'],
  labels: [
    [1, -1],
    [-1, 0],
    [1, 1],
  ],
  logprobs: Float64Array.from([-3, -4, -2, -2.5, -7, -6]),
  reference: Float64Array.from([-3.5, -4, -2, -3, -6.5, -6]),
  beta: 0.4,
  labelSmoothing: 0.1,
};

/** The loss as it is defined, by the log-probabilities. */
function loss(k: number, logprobs: Float64Array): number {
  const { labels, reference, beta, labelSmoothing: e } = input;
  const logSigmoid = (x: number): number => -Math.log1p(Math.exp(-x));
  const terms = labels.flatMap((row, p) => {
    if (row[k] === 0) return [];
    const of = (at: number): number => logprobs[at]! - reference[at]!;
    const margin = beta * row[k]! * (of(2 * p) - of(2 * p + 1));
    return [-(1 - e) * logSigmoid(margin) - e * logSigmoid(-margin)];
  });
  return terms.reduce((sum, term) => sum + term, 0) / terms.length;
}

test('weights are minus the slope of each objective’s loss in the log-probabilities, times the pairs', () => {
  const { weights } = pairSignal(input);
  for (const k of [0, 1]) {
    for (let at = 0; at < 6; at++) {
      const moved = (by: number): Float64Array => input.logprobs.map((x, i) => (i === at ? x + by : x));
      const slope = (loss(k, moved(1e-5)) - loss(k, moved(-1e-5))) / 2e-5;
      assert.ok(Math.abs(weights[6 * k + at]! / 3 + slope) < 1e-7, `${k} ${at}`);
    }
  }
  assert.deepEqual([...weights.subarray(8, 10)], [0, 0], 'a pair without a label has no say');
});

test('margins, and the share of labelled pairs that are ranked as labelled; a tie counts half', () => {
  const { objectives } = pairSignal(input);
  // h is 0.5, -0.5, -0.5.
  assert.ok(Math.abs(objectives[0]!.margin - (0.4 * (0.5 + 0.5 - 0.5)) / 3) < 1e-12);
  assert.ok(Math.abs(objectives[0]!.accuracy - 2 / 3) < 1e-12);
  assert.equal(objectives[1]!.accuracy, 0);
  const tied = pairSignal({ ...input, reference: input.logprobs });
  assert.deepEqual(
    tied.objectives.map(({ margin, accuracy }) => [Math.abs(margin), accuracy]),
    [
      [0, 0.5],
      [0, 0.5],
    ],
  );
});

test('an objective without any label is named', () => {
  assert.throws(
    () =>
      pairSignal({
        ...input,
        labels: [
          [1, 0],
          [1, 0],
          [1, 0],
        ],
      }),
    /no pair has a label for b/,
  );
});

test('a step draws further pairs until every objective has a label, and position and number say which come next', () => {
  const text = { promptIds: [1], completionIds: [2] };
  const pairs = Array.from({ length: 10 }, (_, i): PairRecord => ({
    chosen: text,
    rejected: text,
    labels: [1, i === 4 ? -1 : 0],
  }));
  let position = 0;
  const seen: PairRecord[] = [];
  for (let step = 0; step < 20; step++) {
    const drawn = drawPairs(pairs, 3, position, 2);
    assert.ok(drawn.length >= 2 && drawn.some(({ labels }) => labels[1] !== 0));
    assert.ok(drawn.length === 2 || drawn.slice(0, -1).every(({ labels }) => labels[1] === 0));
    position += drawn.length;
    seen.push(...drawn);
  }
  for (const pair of pairs) assert.ok(Math.abs(seen.filter((other) => other === pair).length - seen.length / 10) <= 1);
});
