// Minibatches: a partition determined by the seed, and loss inputs with the rows of the chosen completions.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at } from '@gapo/numeric';
import { createBatch, type Sample } from '../../data/batch.js';
import type { LossInputs } from '../updates/lossInputs.js';
import { minibatch, minibatchIndices } from './minibatches.js';

const bounds = [
  [0, 2],
  [2, 3],
] as const;
const lengths = [1, 3, 2, 2, 4, 1];

const batch = createBatch(
  lengths.map((length, i): Sample => ({
    prompt: Math.floor(i / 2),
    sample: i % 2,
    promptIds: [1],
    tokenIds: Array.from({ length }, (_, t) => 10 * i + t),
    logprobs: Float32Array.from({ length }, (_, t) => -(10 * i + t)),
    finished: true,
  })),
  bounds,
);

/** 10 · completion + token, for every token: identifies the token of each row. */
const ids = batch.samples.flatMap(({ tokenIds }) => tokenIds);

function lossInputs(perToken: boolean): LossInputs {
  const row = perToken ? ids : lengths.map((_, i) => i);
  return {
    batch,
    signal: {
      perToken,
      advantages: Float64Array.from(row.flatMap((x) => [x, 1000 + x])),
      returns: Float32Array.from(ids.flatMap((id) => [id, 500 + id])),
    },
    referenceLogprobs: Float32Array.from(ids),
    oldValues: Float32Array.from(ids.flatMap((id) => [id, -id])),
    denominator: batch.tokens,
  };
}

test('every completion is in one minibatch; seed, step and epoch determine it, and sizes differ by at most one', () => {
  const split = minibatchIndices(10, 4, 7, 3, 0);
  assert.deepEqual(
    split.flat().sort((a, b) => a - b),
    [...Array(10).keys()],
  );
  assert.ok(split.every(({ length }) => length === 2 || length === 3));
  assert.ok(split.every((indices) => indices.every((index, i) => i === 0 || index > at(indices, i - 1))));
  assert.deepEqual(minibatchIndices(10, 4, 7, 3, 0), split);
  for (const other of [
    minibatchIndices(10, 4, 8, 3, 0),
    minibatchIndices(10, 4, 7, 4, 0),
    minibatchIndices(10, 4, 7, 3, 1),
  ]) {
    assert.notDeepEqual(other, split);
  }
});

for (const perToken of [false, true]) {
  test(`a minibatch has the rows of its completions, one per ${perToken ? 'token' : 'completion'}`, () => {
    const indices = [1, 4, 5];
    const part = minibatch(lossInputs(perToken), indices, bounds);
    const own = indices.flatMap((index) => at(batch.samples, index).tokenIds);
    assert.deepEqual([part.batch.tokens, part.denominator], [8, 8]);
    assert.deepEqual(
      [...part.batch.logprobs],
      own.map((id) => -id),
    );
    assert.deepEqual(
      part.batch.shards.map(({ number, start, end }) => [number, start, end]),
      [
        [0, 0, 1],
        [1, 1, 3],
      ],
    );
    const row = perToken ? own : indices;
    assert.deepEqual(
      [...part.signal.advantages],
      row.flatMap((x) => [x, 1000 + x]),
    );
    assert.deepEqual(
      [...(part.signal.returns ?? [])],
      own.flatMap((id) => [id, 500 + id]),
    );
    assert.deepEqual([...(part.referenceLogprobs ?? [])], own);
    assert.deepEqual(
      [...(part.oldValues ?? [])],
      own.flatMap((id) => [id, -id]),
    );
  });
}
