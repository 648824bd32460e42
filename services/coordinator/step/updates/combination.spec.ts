// Each method's options from the configuration, and the memory of a combination across steps.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRunConfig, type RunConfig } from '@gapo/config';
import { required } from '@gapo/numeric';
import { combine, gramMatrix, methods, type CombineOptions } from '@gapo/objectives';
import { configuredPreference } from '../../state/goals.js';
import { initialCombination } from '../../state/trainingState.js';
import { afterRewards, combineOptions } from './combination.js';

/** Every method, as written in a configuration. */
const written: Record<string, string> = {
  mgda: '{ method: mgda }',
  gapo: '{ method: gapo, p: 2 }',
  pgapo: '{ method: pgapo, preference: { b: 3, a: 1 }, nonConflicting: true }',
  linear: '{ method: linear, weights: { b: 3, a: 1 } }',
  morlhf: '{ method: morlhf, weights: { b: 3, a: 1 } }',
  gdpo: '{ method: gdpo, weights: { b: 3, a: 1 } }\nppo: { advantages: group }',
  single: '{ method: single, objective: b }',
  lagrangian:
    '{ method: lagrangian }\nlagrangian: { objective: a, constraints: { b: { limit: -2, learningRate: 0.5, initial: 2 } } }',
  tchebycheff:
    '{ method: tchebycheff, preference: { a: 1, b: 1 }, reference: { b: 5, a: 2 }, smoothing: 0.1, decay: 0.5 }',
  pcgrad: '{ method: pcgrad, order: drawn }',
  gradvac: '{ method: gradvac }',
  raco: '{ method: raco, preference: { a: 1, b: 3 } }',
  fairgrad: '{ method: fairgrad }',
  cagrad: '{ method: cagrad, radius: 0.3 }',
  'imtl-g': '{ method: imtl-g }',
  'nash-mtl': '{ method: nash-mtl }',
  'aligned-mtl': '{ method: aligned-mtl }',
  upgrad: '{ method: upgrad, preference: { a: 1, b: 3 } }',
  dualproj: '{ method: dualproj, preference: { a: { 0: 0, 10: 1 }, b: { 0: 1, 10: 0 } } }',
  pama: '{ method: pama }',
  'mgda-decoupled': '{ method: mgda-decoupled }\nalgorithm: dpo',
};

function configOf(method: string): RunConfig {
  const text = `name: x\nseed: 5\nsteps: 10\npolicy: { model: m }\ndata: { prompts: p }\nobjectives: [{ name: a }, { name: b }]\ncombine: `;
  const whole = text + required(written[method], method);
  return parseRunConfig(
    whole.includes('algorithm: dpo') ? whole.replace('prompts: p', 'pairs: p') : whole,
    'run.yaml',
    undefined,
  );
}

function optionsOf(method: string, step = 4): CombineOptions {
  const config = configOf(method);
  const state = afterRewards(config, initialCombination(config), [1, 2]);
  return combineOptions(config, { step, state, noonAdvantages: [0.5, 0.25], losses: [0.7, 0.5] });
}

const plain = (options: CombineOptions): unknown =>
  Object.fromEntries(
    Object.entries(options).map(([key, value]) => [
      key,
      ArrayBuffer.isView(value) ? [...(value as Float64Array)] : value,
    ]),
  );

test('every method of the objectives library can be configured and combines gradients', () => {
  assert.deepEqual(Object.keys(written).sort(), [...methods].sort());
  const gram = gramMatrix([Float32Array.from([1, 0, 0.5]), Float32Array.from([-0.5, 1, 0])], ['a', 'b']);
  for (const method of methods) {
    const { weights } = combine(gram, optionsOf(method));
    assert.ok(
      weights.every((weight) => Number.isFinite(weight)),
      method,
    );
  }
});

test('numbers are assigned to objectives by name, in the units that each method takes', () => {
  assert.deepEqual(plain(optionsOf('pgapo')), { method: 'pgapo', preference: [0.25, 0.75], nonConflicting: true });
  assert.deepEqual(plain(optionsOf('linear')), { method: 'linear', weights: [1, 3] });
  assert.deepEqual(plain(optionsOf('single')), { method: 'single', objective: 1 });
  assert.deepEqual(plain(optionsOf('pcgrad')), { method: 'pcgrad', order: { seed: 5, step: 4 } });
  assert.deepEqual(plain(optionsOf('aligned-mtl')), { method: 'aligned-mtl', preference: [0.5, 0.5] });
  assert.deepEqual(plain(optionsOf('pama')), { method: 'pama', advantages: [0.5, 0.25] });
  assert.deepEqual(plain(optionsOf('tchebycheff')), {
    method: 'tchebycheff',
    preference: [0.5, 0.5],
    values: [1, 2],
    reference: [2, 5],
    smoothing: 0.1,
  });
});

test('a schedule interpolates linearly between its points, and is constant before and after', () => {
  const at = (step: number): number[] => Object.values(configuredPreference(configOf('dualproj'), step) ?? {});
  assert.deepEqual(
    [at(0), at(5), at(10), at(99)],
    [
      [0, 1],
      [0.5, 0.5],
      [1, 0],
      [1, 0],
    ],
  );
  assert.equal(configuredPreference(configOf('mgda'), 1), undefined);
});

test('multipliers: log λ changes by lr · λ · (mean cost - limit), where the cost is minus the reward', () => {
  const config = configOf('lagrangian');
  const before = initialCombination(config);
  assert.deepEqual(before.memory['multipliers'], [0, 2]);
  const multiplierAfter = (means: number[]): number =>
    afterRewards(config, before, means).memory['multipliers']?.[1] ?? NaN;
  // Cost 3, limit -2: the constraint is violated. Cost -4: it holds.
  assert.ok(Math.abs(multiplierAfter([1, -3]) - 2 * Math.exp(0.5 * 2 * 5)) < 1e-9);
  assert.ok(Math.abs(multiplierAfter([1, 4]) - 2 * Math.exp(-0.5 * 2 * 2)) < 1e-12);
  const { weights } = combine(
    gramMatrix([Float32Array.from([1, 0]), Float32Array.from([0, 1])], ['a', 'b']),
    combineOptions(config, { step: 1, state: before, noonAdvantages: [], losses: [] }),
  );
  assert.deepEqual([...weights], [1 / 3, 2 / 3]);
});

test('running means start at the first step’s rewards and decay', () => {
  const config = configOf('tchebycheff');
  const first = afterRewards(config, initialCombination(config), [4, 8]);
  assert.deepEqual(first.memory['rewards'], [4, 8]);
  assert.deepEqual(afterRewards(config, first, [0, 10]).memory['rewards'], [2, 9]);
});

test('a multiplier that overflows fails the run, and the error names its constraint', () => {
  const config = configOf('lagrangian');
  assert.throws(
    () => afterRewards(config, initialCombination(config), [0, -1e6]),
    /lagrangian\.constraints\.b: .*lower the learning rate/,
  );
});
