// From rewards to advantages: every option, with numbers that can be checked by hand.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunConfig } from '@gapo/config';
import { at } from '@gapo/numeric';
import { columnOf, createBatch, padded, setColumn, unpad, type Sample } from '../../data/batch.js';
import { noonAdvantages } from '../updates/lossInputs.js';
import { learningSignal } from './learningSignal.js';

const rloo: RunConfig['ppo'] = {
  advantages: 'rloo',
  normalizeAdvantages: false,
  clipRange: 0.2,
  epochs: 1,
  minibatches: 1,
  missingEosPenalty: 0,
};
const gae: RunConfig['ppo'] = {
  ...rloo,
  advantages: 'gae',
  gae: { gamma: 1, lambda: 1, valueCoefficient: 0.5, valueClip: 0.2 },
};

/** Completions of these lengths, two per prompt. The last one is truncated. */
function batchOf(lengths: number[]) {
  const samples = lengths.map((length, i): Sample => ({
    prompt: Math.floor(i / 2),
    sample: i % 2,
    promptIds: [1],
    tokenIds: new Array<number>(length).fill(3),
    logprobs: new Float32Array(length).fill(-0.5),
    finished: i < lengths.length - 1,
  }));
  return createBatch(samples, [
    [0, 1],
    [1, 2],
  ]);
}

const batch = batchOf([1, 3, 2, 2]);
const scores = [Float64Array.from([1, 3, 0, 4]), Float64Array.from([0, 0, 10, 20])];
const names = ['a', 'b'];
const common = { names, batch, rewards: scores, klInReward: undefined, values: undefined };

test('RLOO compares each completion with the other one of its prompt, per objective', () => {
  const { perToken, advantages } = learningSignal({ ...common, ppo: rloo });
  assert.equal(perToken, false);
  assert.deepEqual([...advantages], [-2, 0, 2, 0, -4, -10, 4, 10]);
});

test('whitening gives every objective mean 0 and variance 1 over the batch', () => {
  const { advantages } = learningSignal({ ...common, ppo: { ...rloo, normalizeAdvantages: true } });
  for (const k of [0, 1]) {
    const own = columnOf(advantages, 2, k);
    assert.equal(own.length, 4);
    assert.ok(Math.abs(own.reduce((sum, a) => sum + a, 0)) < 1e-6);
    assert.ok(Math.abs(own.reduce((sum, a) => sum + a * a, 0) / 4 - 1) < 1e-6);
  }
});

test('a truncated completion incurs the penalty in every objective', () => {
  const { advantages } = learningSignal({ ...common, ppo: { ...rloo, missingEosPenalty: 3 } });
  assert.deepEqual([...advantages], [-2, 0, 2, 0, -1, -7, 1, 7]);
});

test('rewards are clamped before the penalty is subtracted', () => {
  const ppo: RunConfig['ppo'] = { ...rloo, rewardClamp: [0, 3], missingEosPenalty: 3 };
  const { advantages } = learningSignal({ ...common, ppo });
  assert.deepEqual([...advantages], [-2, 0, 2, 0, 0, 3, 0, -3]);
});

test('group-normalized: prompts count equally, whatever the spread of their rewards', () => {
  const { perToken, advantages } = learningSignal({ ...common, ppo: { ...rloo, advantages: 'group' } });
  assert.equal(perToken, false);
  assert.deepEqual([...advantages], [-1, 0, 1, 0, -1, -1, 1, 1]);
});

test("group-normalized by the sample's deviation, as PyTorch and TRL have it: smaller by the root of (n - 1) / n", () => {
  const sample: RunConfig['ppo'] = { ...rloo, advantages: 'group', groupDeviation: 'sample' };
  const { advantages } = learningSignal({ ...common, ppo: sample });
  const expected = [-1, 0, 1, 0, -1, -1, 1, 1].map((each) => each * Math.SQRT1_2);
  expected.forEach((each, i) => assert.ok(Math.abs(at(advantages, i) - each) < 1e-12));
});

test('NoonPAMA: the mean positive advantage over tokens', () => {
  const signal = learningSignal({ ...common, ppo: rloo });
  // Completions of 1, 3, 2 and 2 tokens with advantages -2, 2, -4, 4 and 0, 0, -10, 10.
  assert.deepEqual(noonAdvantages(signal, 2, batch), [(2 * 3 + 4 * 2) / 8, (10 * 2) / 8]);
});

test('KL in the reward: per completion with RLOO', () => {
  const k1 = Float64Array.from([1, 0, 0, 1, 2, 0, 0, 0]); // sums 1, 1, 2, 0
  const { advantages } = learningSignal({ ...common, ppo: rloo, klInReward: { coefficient: 0.5, k1 } });
  assert.deepEqual([...advantages], [-2, 0, 2, 0, -5, -11, 5, 11]);
});

test('GAE with λ = 1: each token’s reward to go minus its value, with the reward to go as target', () => {
  const values = new Float32Array(8 * 2).fill(0.5);
  const { perToken, advantages, returns } = learningSignal({ ...common, ppo: gae, values });
  assert.equal(perToken, true);
  assert.deepEqual([...columnOf(advantages, 2, 0)], [0.5, 2.5, 2.5, 2.5, -0.5, -0.5, 3.5, 3.5]);
  assert.deepEqual([...columnOf(advantages, 2, 1)], [-0.5, -0.5, -0.5, -0.5, 9.5, 9.5, 19.5, 19.5]);
  assert.deepEqual([...(returns ?? [])], [1, 0, 3, 0, 3, 0, 3, 0, 0, 10, 0, 10, 4, 20, 4, 20]);
});

test('KL in the reward: per token with GAE', () => {
  const values = new Float32Array(8 * 2);
  const k1 = Float64Array.from([0, 1, 2, 3, 0, 0, 0, 0]);
  const { advantages } = learningSignal({ ...common, ppo: gae, values, klInReward: { coefficient: 1, k1 } });
  assert.deepEqual([...columnOf(advantages, 2, 0).subarray(0, 4)], [1, 3 - 6, 3 - 5, 3 - 3]);
});

test('the shards of a batch cover its samples and tokens', () => {
  assert.equal(batch.tokens, 8);
  assert.deepEqual(batch.shards, [
    { number: 0, start: 0, end: 2, firstToken: 0, lastToken: 4 },
    { number: 1, start: 2, end: 4, firstToken: 4, lastToken: 8 },
  ]);
  const half = createBatch(batch.samples.slice(2), [
    [0, 1],
    [1, 2],
  ]);
  assert.deepEqual(half.shards, [{ number: 1, start: 0, end: 2, firstToken: 0, lastToken: 4 }]);
});

test('flat, padded and column layouts hold the same numbers', () => {
  const flat = Float32Array.from([1, 2, 3, 4, 5, 6]);
  const lengths = Uint32Array.of(2, 1);
  const rows = padded(flat, lengths, 3, 2, 1);
  assert.deepEqual([...rows], [2, 4, 0, 6, 0, 0]);
  const into = new Float32Array(6);
  unpad(rows, lengths, 3, into, 2, 1);
  assert.deepEqual([...into], [0, 2, 0, 4, 0, 6]);
  assert.deepEqual([...columnOf(flat, 2, 1)], [2, 4, 6]);
  setColumn(into, 3, 2, [7, 8]);
  assert.deepEqual([...into], [0, 2, 7, 4, 0, 8]);
});
