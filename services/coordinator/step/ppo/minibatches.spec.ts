// Minibatches: a partition that only the seed decides, and pieces that hold the rows of their own completions.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBatch, type Sample } from '../../data/batch.js';
import type { LossInputs } from '../updates/lossInputs.js';
import { minibatch, minibatchPlaces } from './minibatches.js';

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

/** 10 · completion + token, for every token: what each row must still be about. */
const ids = batch.samples.flatMap(({ tokenIds }) => tokenIds);

function materialOf(perToken: boolean): LossInputs {
  const row = perToken ? ids : lengths.map((_, i) => i);
  return {
    batch,
    signal: {
      perToken,
      advantages: Float32Array.from(row.flatMap((x) => [x, 1000 + x])),
      returns: Float32Array.from(ids.flatMap((id) => [id, 500 + id])),
    },
    referenceLogprobs: Float32Array.from(ids),
    oldValues: Float32Array.from(ids.flatMap((id) => [id, -id])),
    denominator: batch.tokens,
  };
}

test('every completion is in one minibatch; seed, step and epoch decide, sizes differ by at most one', () => {
  const split = minibatchPlaces(10, 4, 7, 3, 0);
  assert.deepEqual(
    split.flat().sort((a, b) => a - b),
    [...Array(10).keys()],
  );
  assert.ok(split.every(({ length }) => length === 2 || length === 3));
  assert.ok(split.every((places) => places.every((place, i) => i === 0 || place > places[i - 1]!)));
  assert.deepEqual(minibatchPlaces(10, 4, 7, 3, 0), split);
  for (const other of [
    minibatchPlaces(10, 4, 8, 3, 0),
    minibatchPlaces(10, 4, 7, 4, 0),
    minibatchPlaces(10, 4, 7, 3, 1),
  ]) {
    assert.notDeepEqual(other, split);
  }
});

for (const perToken of [false, true]) {
  test(`a piece holds its own rows, ${perToken ? 'token by token' : 'one for each completion'}`, () => {
    const places = [1, 4, 5];
    const piece = minibatch(materialOf(perToken), places, bounds);
    const own = places.flatMap((place) => batch.samples[place]!.tokenIds);
    assert.deepEqual([piece.batch.tokens, piece.denominator], [8, 8]);
    assert.deepEqual(
      [...piece.batch.logprobs],
      own.map((id) => -id),
    );
    assert.deepEqual(
      piece.batch.shards.map(({ number, start, end }) => [number, start, end]),
      [
        [0, 0, 1],
        [1, 1, 3],
      ],
    );
    const row = perToken ? own : places;
    assert.deepEqual(
      [...piece.signal.advantages],
      row.flatMap((x) => [x, 1000 + x]),
    );
    assert.deepEqual(
      [...piece.signal.returns!],
      own.flatMap((id) => [id, 500 + id]),
    );
    assert.deepEqual([...piece.referenceLogprobs!], own);
    assert.deepEqual(
      [...piece.oldValues!],
      own.flatMap((id) => [id, -id]),
    );
  });
}
