// PPO for language models: what naive versions get wrong, each with a test that fails when it is wrong here. The clip, whose
// side depends on the sign of the advantage, is the gradient service's: lib/policy/gradientGraph.spec.ts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunConfig } from '@gapo/config';
import { createBatch, type Sample } from '../../data/batch.js';
import { runYaml, startAll, train } from '../../fixtures/world.fixture.js';
import { learningSignal } from './learningSignal.js';

/** Ends completions, and would be what rows are padded with: the usual choice where a tokenizer has no padding. */
const eos = 2;

const ppo: RunConfig['ppo'] = {
  advantages: 'gae',
  normalizeAdvantages: false,
  clipRange: 0.2,
  epochs: 1,
  minibatches: 1,
  missingEosPenalty: 0,
  gae: { gamma: 1, lambda: 0.95, valueCoefficient: 0.5, valueClip: 0.2 },
};

function batchOf(completions: readonly (readonly number[])[]) {
  const samples = completions.map((tokenIds, prompt): Sample => ({
    prompt,
    sample: 0,
    promptIds: [1],
    tokenIds,
    logprobs: new Float32Array(tokenIds.length).fill(-1),
    finished: tokenIds.at(-1) === eos,
  }));
  return createBatch(samples, [[0, completions.length]]);
}

const completions = [[3, eos], [4, 5, 6, eos], [eos]];
const batch = batchOf(completions);
const scores = [Float64Array.from([1, -2, 5])];
const signalOf = (values: number[], more: Partial<RunConfig['ppo']> = {}) =>
  learningSignal({
    names: ['a'],
    batch,
    scores,
    ppo: { ...ppo, ...more },
    klInReward: undefined,
    values: Float32Array.from(values),
  });

test('rows are masked by their length: the end-of-sequence token is an action, even where it is the padding', () => {
  assert.equal(batch.tokens, 7, 'every end-of-sequence token counts');
  const { advantages } = signalOf([0, 0, 0, 0, 0, 0, 0]);
  // Without values each token has the discounted reward; the end-of-sequence token has all of it.
  [0.95, 1, -2 * 0.95 ** 3, -2 * 0.95 ** 2, -2 * 0.95, -2, 5].forEach((expected, t) =>
    assert.ok(Math.abs(advantages[t]! - expected) < 1e-6, `token ${t}`),
  );
  // Whitening is over the seven real tokens: with padding counted the mean of the whitened ones would not be 0.
  const { advantages: white } = signalOf([0, 0, 0, 0, 0, 0, 0], { normalizeAdvantages: true });
  assert.ok(Math.abs(white.reduce((sum, a) => sum + a, 0)) < 1e-5);
  assert.ok(Math.abs(white.reduce((sum, a) => sum + a * a, 0) / 7 - 1) < 1e-5);
});

test('nothing is bootstrapped after the last token: its advantage is the reward less its own value', () => {
  const values = [0.5, 0.25, 1, 2, 3, 4, 8];
  const { advantages, returns } = signalOf(values);
  assert.deepEqual([advantages[1], advantages[5], advantages[6]], [1 - 0.25, -2 - 4, 5 - 8]);
  assert.deepEqual([returns![1], returns![5], returns![6]], [1, -2, 5]);
  // What follows in memory is another completion's; its values are nobody else's business.
  const others = signalOf([...values.slice(0, 2), 100, 100, 100, 100, 100]);
  assert.deepEqual([...others.advantages.subarray(0, 2)], [...advantages.subarray(0, 2)]);
  assert.deepEqual([...others.returns!.subarray(0, 2)], [...returns!.subarray(0, 2)]);
});

test('shards share the denominator: how a batch is cut does not change the update', async (t) => {
  const { world, coordinator } = await startAll(t);
  const norms: number[] = [];
  for (const shards of [1, 2, 5, 8]) {
    const config = runYaml({ steps: 1, shards, extra: 'optimizer: { maxGradNorm: 1e9 }' });
    const unlimited = config.replace('optimizer: { learningRate: 0.1 }\n', '');
    const { reports } = await train(coordinator, world, unlimited, `cut-${shards}`);
    norms.push(reports[0]!.updateNorm, ...reports[0]!.objectives.map(({ gradientNorm }) => gradientNorm));
  }
  for (let i = 3; i < norms.length; i++) {
    assert.ok(Math.abs(norms[i]! / norms[i % 3]! - 1) < 1e-5, `${norms[i]} and ${norms[i % 3]}`);
  }
});
