import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { defaultGradientWorkers } from './options.js';

const gib = 2 ** 30;

test('gradient workers are one per core, at most 4, and have 6 GiB each; another program is one', () => {
  assert.equal(defaultGradientWorkers(undefined, 1 * gib), 1);
  assert.equal(defaultGradientWorkers(undefined, 11 * gib), 1);
  assert.equal(defaultGradientWorkers(undefined, 15.6 * gib), Math.min(2, availableParallelism()));
  assert.equal(defaultGradientWorkers(undefined, 1024 * gib), Math.min(4, availableParallelism()));
  assert.equal(defaultGradientWorkers('gapo-pytorch', 1024 * gib), 1);
});
