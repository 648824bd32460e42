import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at } from '@gapo/numeric';
import { pairSignal, type PairInput } from './preference.js';

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

/** The mean loss of an objective by its definition, as a function of the log-probabilities. */
function loss(k: number, logprobs: Float64Array): number {
  const { labels, reference, beta, labelSmoothing: e } = input;
  const logSigmoid = (x: number): number => -Math.log1p(Math.exp(-x));
  const terms = labels.flatMap((row, p) => {
    const label = at(row, k);
    if (label === 0) return [];
    const logRatio = (completion: number): number => at(logprobs, completion) - at(reference, completion);
    const margin = beta * label * (logRatio(2 * p) - logRatio(2 * p + 1));
    return [-(1 - e) * logSigmoid(margin) - e * logSigmoid(-margin)];
  });
  return terms.reduce((sum, term) => sum + term, 0) / terms.length;
}

test('weights are minus the slope of each objective’s mean loss in the log-probabilities, times the number of pairs', () => {
  const { weights } = pairSignal(input);
  for (const k of [0, 1]) {
    for (let completion = 0; completion < 6; completion++) {
      const moved = (by: number): Float64Array => input.logprobs.map((x, i) => (i === completion ? x + by : x));
      const slope = (loss(k, moved(1e-5)) - loss(k, moved(-1e-5))) / 2e-5;
      assert.ok(Math.abs(at(weights, 2 * completion + k) / 3 + slope) < 1e-7, `${k} ${completion}`);
    }
  }
  assert.deepEqual([at(weights, 2 * 2 + 1), at(weights, 2 * 3 + 1)], [0, 0], 'a pair without a label has no weight');
});

test('margins, and the share of labelled pairs that are ranked as labelled; a tie counts half', () => {
  const [first, second] = pairSignal(input).objectives;
  // h is 0.5, -0.5, -0.5.
  assert.ok(Math.abs((first?.margin ?? NaN) - (0.4 * (0.5 + 0.5 - 0.5)) / 3) < 1e-12);
  assert.ok(Math.abs((first?.accuracy ?? NaN) - 2 / 3) < 1e-12);
  assert.equal(second?.accuracy, 0);
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
