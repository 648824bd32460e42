// One update: the combination's direction plus the regularizers; the inputs are not modified.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRunConfig, type RunConfig } from '@gapo/config';
import { at } from '@gapo/numeric';
import { combine, gramMatrix, weightedSum, type Combination } from '@gapo/objectives';
import { initialCombination, untrained } from '../../state/trainingState.js';
import type { BatchGradients } from '../../workers/gradients.js';
import { combineOptions } from './combination.js';
import { addRegularizer, clipDirection, optimizerStep, updateRule, type UpdateRule } from './optimizerStep.js';

const statistics = { tokens: 1, klSum: 0, entropySum: 0, clipped: [0, 0], maxLogprobGap: 0, valueLossSum: [] };

function configOf(extra: string): RunConfig {
  const text = `name: x\nsteps: 10\npolicy: { model: m }\ndata: { prompts: p }\nobjectives: [{ name: a }, { name: b }]\n`;
  return parseRunConfig(text + extra, 'run.yaml', undefined);
}

function ruleOf(extra: string): UpdateRule {
  return updateRule(configOf(extra));
}

/** Returns the combination and the direction of one exact update. */
function directionOf(
  extra: string,
  { objectives, regularizer }: BatchGradients,
): { combination: Combination; direction: Float32Array; norm: number } {
  const config = configOf(extra);
  const input = { step: 1, state: initialCombination(config), noonAdvantages: [], losses: [] };
  const combination = combine(gramMatrix(objectives, ['a', 'b']), combineOptions(config, input));
  const direction = weightedSum(objectives, combination.weights, new Float32Array(objectives[0]?.length ?? 0));
  addRegularizer(direction, regularizer);
  return { combination, direction, norm: clipDirection(ruleOf(extra), direction) };
}

function gradientsOf(a: number[], b: number[], regularizer?: number[]): BatchGradients {
  return {
    objectives: [Float32Array.from(a), Float32Array.from(b)],
    regularizer: regularizer && Float32Array.from(regularizer),
    statistics,
  };
}

test('GAPO with p = 1 bisects gradients of any length', () => {
  const { direction, combination, norm } = directionOf('', gradientsOf([3, 0], [0, 0.1]));
  const [x = NaN, y = NaN] = direction;
  assert.ok(Math.abs(x - y) < 1e-6);
  assert.ok(Math.abs(norm - Math.SQRT1_2) < 1e-6);
  assert.deepEqual(
    [...combination.norms].map((length) => length.toFixed(3)),
    ['3.000', '0.100'],
  );
  assert.ok(combination.progress.every((progress) => progress > 0));
});

test('methods take their numbers by the names of the objectives, not by their order in the file', () => {
  const linear = directionOf('combine: { method: linear, weights: { b: 2, a: 1 } }', gradientsOf([0.1, 0], [0, 0.1]));
  assert.deepEqual([...linear.direction], [...Float32Array.from([0.1, 0.2])]);
  const single = directionOf('combine: { method: single, objective: b }', gradientsOf([0.1, 0], [0, 0.1]));
  assert.deepEqual([...single.combination.weights], [0, 1]);
});

test('the regularizers are added after the combination and clipped with it', () => {
  const extra = 'combine: { method: single, objective: a }\noptimizer: { maxGradNorm: 1 }';
  const { direction, norm, combination } = directionOf(extra, gradientsOf([3, 0], [0, 1], [0, 4]));
  assert.equal(norm, 5);
  assert.deepEqual([...direction], [...Float32Array.from([0.6, 0.8])]);
  assert.deepEqual([...combination.progress], [9, 0]);
});

test('the error for a non-finite gradient names its objective', () => {
  assert.throws(() => directionOf('', gradientsOf([1, 0], [Number.NaN, 1])), /b: gradient entry 0 is NaN/);
});

test('a step ascends, counts updates, follows the schedule, and does not modify its inputs', () => {
  const rule = ruleOf('optimizer: { learningRate: 0.1, schedule: linear, warmupSteps: 2 }');
  const before = untrained(Float32Array.from([1, 1]));
  const first = optimizerStep(rule, before, Float32Array.from([0.5, -0.5]));
  assert.equal(first.learningRate, 0.05);
  assert.equal(first.after.optimizer.step, 1);
  const [raised = NaN, lowered = NaN] = first.after.parameters;
  assert.ok(raised > 1 && lowered < 1);
  assert.deepEqual([...before.parameters], [1, 1]);
  assert.deepEqual(before.optimizer.firstMoments, [Float32Array.from([0, 0])]);
  assert.equal(before.optimizer.step, 0);
  assert.equal(optimizerStep(rule, first.after, Float32Array.from([0.5, -0.5])).learningRate, 0.1);
});

test('value heads, at the end of the vector, have a separate learning rate but the same moments', () => {
  const extra = (more: string): string =>
    `optimizer: { learningRate: 0.1, schedule: linear, warmupSteps: 2 }\nppo: { advantages: gae${more} }`;
  const before = untrained(Float32Array.from([1, 2, 3]));
  const direction = Float32Array.from([0.5, -0.5, 0.25]);
  const usual = optimizerStep(updateRule(configOf(extra('')), 1), before, direction);
  const own = optimizerStep(updateRule(configOf(extra(', gae: { valueLearningRate: 0.02 }')), 1), before, direction);
  assert.equal(own.learningRate, usual.learningRate);
  assert.deepEqual([...own.after.parameters.subarray(0, 2)], [...usual.after.parameters.subarray(0, 2)]);
  const change = ({ after }: typeof usual): number => at(after.parameters, 2) - 3;
  assert.ok(Math.abs(change(usual) / change(own) - 5) < 1e-4);
  assert.deepEqual(own.after.optimizer, usual.after.optimizer);
});
