/** Seconds of a step: hand-computed values, and how they change with workers and rates. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { required } from '@gapo/numeric';
import { nativeEngines } from './engines.js';
import type { RunExtents } from './plan.js';
import { type Rates, stepTime, stepTimes, usefulWorkers } from './stepTime.js';

const run: RunExtents = {
  engines: nativeEngines,
  device: 'cuda',
  lora: undefined,
  objectives: 2,
  valueHeads: 0,
  promptsPerStep: 8,
  samplesPerPrompt: 2,
  batch: 8,
  shards: 4,
  promptTokens: 10,
  completionTokens: 20,
  updates: 1,
  epochs: 1,
  staleness: 0,
  current: false,
  reference: true,
  regularized: false,
  precision: 'float32',
  activationBudget: 1,
  recompute: false,
};
/** 400 tokens are drawn or read in a step, with 10 operations each. */
const plan = {
  parameters: 500,
  operations: { sampling: 4000, reference: 1200, gradients: 3600 },
  transfers: { version: 20, gradients: 160 },
  gathering: undefined,
  cacheBytesPerToken: 0,
};
const rates: Rates = { operations: 100, memory: undefined, interconnect: undefined, link: 10 };

test('four shards on one, two and three workers, by hand', () => {
  const one = stepTime(plan, run, rates, 1);
  // Versions go to a rollout and a gradient worker: 2 · 20 bytes at 10 a second.
  const { sampling, reference, gradients, versions, transfers, step } = one;
  assert.deepEqual([sampling, reference, gradients, versions, transfers, step], [40, 12, 36, 4, 16, 108]);
  assert.deepEqual(stepTime(plan, run, rates, 2), { ...one, workers: 2, sampling: 20, reference: 6, gradients: 18, versions: 8, step: 68 }); // prettier-ignore
  const three = stepTime(plan, run, rates, 3);
  assert.deepEqual([three.gradients, three.shards], [18, 4], 'one of three workers has a second shard');
});

test('sampling that runs ahead takes no time of a step, unless it takes longer than the rest', () => {
  const ahead = { ...run, staleness: 1 };
  assert.equal(stepTime(plan, ahead, rates, 1).step, 108 - 40);
  assert.equal(stepTime(plan, ahead, { ...rates, memory: 100 }, 1).step, stepTime(plan, ahead, { ...rates, memory: 100 }, 1).sampling); // prettier-ignore
});

test('more workers than shards get a shard each, whose gradients are transferred', () => {
  const eight = stepTime(plan, run, rates, 8);
  assert.deepEqual([eight.shards, eight.gradients, eight.transfers], [8, 36 / 8, 32]);
  assert.throws(() => stepTime(plan, run, rates, 9), /9 workers for 8 prompts in a step/);
});

test('a decoding step takes no less than reading the weights', () => {
  // A shard: 20 tokens of prompts are read in 2 s. 4 sequences of 20 tokens take 8 s, and reading 2000 bytes 20 times 40 s.
  const slow = { ...rates, memory: 1000 };
  assert.equal(stepTime(plan, run, slow, 4).sampling, 2 + 40);
  assert.equal(stepTime(plan, run, { ...rates, memory: 1e6 }, 4).sampling, 2 + 8);
  assert.equal(stepTime(plan, { ...run, precision: 'float16' }, slow, 4).sampling, 2 + 20);
  assert.equal(stepTime(plan, { ...run, batch: 3 }, slow, 4).sampling, 2 + 80, 'two batches');
});

test('the useful number of workers is where another doubling saves less than a tenth', () => {
  const times = stepTimes(plan, run, rates);
  assert.deepEqual(
    times.map(({ workers }) => workers),
    [1, 2, 4, 8],
  );
  // 108, 68, 54 and 75 seconds.
  assert.equal(usefulWorkers(times).workers, 4);
  assert.equal(usefulWorkers(stepTimes(plan, run, { ...rates, link: 1e9 })).workers, 8);
  assert.deepEqual(stepTimes(plan, run, rates, 2), times.slice(0, 2));
  assert.equal(required(times[2], 'a time').step, 10 + 3 + 9 + 16 + 16);
});
