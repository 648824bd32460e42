// PPO for language models: details that naive implementations get wrong. The gradient service implements the clip, whose
// side depends on the sign of the advantage: services/lib/policy/gradients/gradientGraph.spec.ts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunConfig } from '@gapo/config';
import { at } from '@gapo/numeric';
import { createBatch, type Sample } from '../../data/batch.js';
import { runYaml, startAll, train } from '../../fixtures/world.fixture.js';
import { learningSignal } from './learningSignal.js';

/** Both ends completions and pads rows, the usual choice if a tokenizer has no padding token. */
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
    rewards: scores,
    ppo: { ...ppo, ...more },
    klInReward: undefined,
    values: Float32Array.from(values),
  });

test('rows are masked by length: the end-of-sequence token is an action, even if it is also the padding token', () => {
  assert.equal(batch.tokens, 7, 'every end-of-sequence token counts');
  const { advantages } = signalOf([0, 0, 0, 0, 0, 0, 0]);
  // Without values each token has the discounted reward, and the end-of-sequence token the whole reward.
  [0.95, 1, -2 * 0.95 ** 3, -2 * 0.95 ** 2, -2 * 0.95, -2, 5].forEach((expected, t) =>
    assert.ok(Math.abs(at(advantages, t) - expected) < 1e-6, `token ${t}`),
  );
  // Whitening is over the seven real tokens: if padding counted, their whitened mean would not be 0.
  const { advantages: white } = signalOf([0, 0, 0, 0, 0, 0, 0], { normalizeAdvantages: true });
  assert.ok(Math.abs(white.reduce((sum, a) => sum + a, 0)) < 1e-5);
  assert.ok(Math.abs(white.reduce((sum, a) => sum + a * a, 0) / 7 - 1) < 1e-5);
});

test('the last token does not bootstrap: its advantage is the reward minus its value', () => {
  const values = [0.5, 0.25, 1, 2, 3, 4, 8];
  const { advantages, returns = new Float32Array() } = signalOf(values);
  assert.deepEqual([advantages[1], advantages[5], advantages[6]], [1 - 0.25, -2 - 4, 5 - 8]);
  assert.deepEqual([returns[1], returns[5], returns[6]], [1, -2, 5]);
  // The next values in memory belong to other completions.
  const others = signalOf([...values.slice(0, 2), 100, 100, 100, 100, 100]);
  assert.deepEqual([...others.advantages.subarray(0, 2)], [...advantages.subarray(0, 2)]);
  assert.deepEqual(others.returns?.subarray(0, 2), returns.subarray(0, 2));
});

test('shards share the denominator: the number of shards does not change the update', async (t) => {
  const { world, coordinator } = await startAll(t);
  const norms: number[] = [];
  for (const shards of [1, 2, 5, 8]) {
    const config = runYaml({ steps: 1, shards, extra: 'optimizer: { maxGradNorm: 1e9 }' });
    const unlimited = config.replace('optimizer: { learningRate: 0.1 }\n', '');
    const { reports } = await train(coordinator, world, unlimited, `shards-${shards}`);
    const { updateNorm, objectives } = at(reports, 0);
    norms.push(updateNorm, ...objectives.map(({ gradientNorm }) => gradientNorm));
  }
  norms.forEach((norm, i) => {
    const expected = at(norms, i % 3);
    assert.ok(Math.abs(norm / expected - 1) < 1e-5, `${norm} and ${expected}`);
  });
});
