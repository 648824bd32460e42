// Pairs: the loss and its slope, labels of each objective, and files that say what is wrong with them.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readPairs, readTexts, type PairRecord, type TextEncoding } from '../../data/texts.js';
import { scratch } from '../../fixtures/world.fixture.js';
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

const encoding: TextEncoding = {
  encodePrompt: (text) => [1, ...text].map(Number),
  encode: (text, options) => [...(options?.addSpecialTokens === true ? ['1'] : []), ...text].map(Number),
  endId: 2,
  context: 6,
};

test('files of pairs and of texts are read whole, or every problem is said with its line', async (t) => {
  const path = join(await scratch(t), 'lines.jsonl');
  const lines = (values: readonly unknown[]): Promise<void> =>
    writeFile(path, values.map((value) => `${typeof value === 'string' ? value : JSON.stringify(value)}\n`).join(''));
  await lines([
    { prompt: '3', chosen: '4', rejected: '52', labels: { a: 1 } },
    { prompt: '3', chosen: '4', rejected: '5', labels: { b: -1, a: 0 } },
  ]);
  assert.deepEqual(await readPairs(path, ['a', 'b'], encoding), [
    {
      chosen: { promptIds: [1, 3], completionIds: [4, 2] },
      rejected: { promptIds: [1, 3], completionIds: [5, 2] },
      labels: [1, 0],
    },
    {
      chosen: { promptIds: [1, 3], completionIds: [4, 2] },
      rejected: { promptIds: [1, 3], completionIds: [5, 2] },
      labels: [0, -1],
    },
  ]);
  await assert.rejects(readPairs(path, ['a', 'b', 'c'], encoding), /no pair has a label for c/);
  await lines([
    '{',
    { prompt: '3', chosen: '4', rejected: '5', labels: { c: 1 } },
    { prompt: '3', chosen: '4', rejected: '5', labels: { a: 0 } },
    { prompt: '3', chosen: '4', rejected: '5', labels: { a: 2 } },
    { prompt: '3', chosen: '44444', rejected: '5', labels: { a: 1 } },
  ]);
  await assert.rejects(readPairs(path, ['a', 'b'], encoding), (error) => {
    const found = (error as Error).message.split('\n');
    assert.equal(found.length, 5);
    assert.match(found[0]!, /lines\.jsonl:1: not JSON/);
    assert.match(found[1]!, /:2: labels has "c", the objectives are a, b/);
    assert.match(found[2]!, /:3: no objective has a label/);
    assert.match(found[3]!, /:4: expected "prompt", "chosen"/);
    assert.match(found[4]!, /:5: it has 8 tokens, the model's context is 6/);
    return true;
  });
  await lines([{ text: '345' }, { prompt: '3', completion: '4' }]);
  assert.deepEqual(await readTexts(path, encoding), [
    { promptIds: [1], completionIds: [3, 4, 5, 2] },
    { promptIds: [1, 3], completionIds: [4, 2] },
  ]);
  await lines([{ texts: '3' }]);
  await assert.rejects(readTexts(path, encoding), /:1: expected an object with "text", or with "prompt"/);
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
