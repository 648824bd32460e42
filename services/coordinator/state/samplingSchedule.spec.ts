// Which version is sampled for which step, as a table.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRunConfig, type RunConfig } from '@gapo/config';
import { earlierVersions, sampledVersion, stepsInFlight } from './samplingSchedule.js';

/** A run of six steps. */
function config(staleness: number, epochs = 1): RunConfig {
  const text =
    'name: x\nsteps: 6\npolicy: { model: m, lora: { rank: 1, targets: [q_proj] } }\ndata: { prompts: p }\nobjectives: [{ name: a }]\n';
  return parseRunConfig(`${text}rollout: { staleness: ${staleness} }\nppo: { epochs: ${epochs} }\n`, 'x', undefined);
}

/**
 * Returns for each step of the run: the version it is sampled from, the steps in flight, and the versions that the state before it
 * needs.
 */
function schedule(of: RunConfig): unknown[] {
  return [1, 2, 3, 4, 5, 6].map((step) => [
    sampledVersion(of, step),
    stepsInFlight(of, step),
    earlierVersions(of, step - 1),
  ]);
}

test('a step is sampled from the version before it, and without staleness nothing else is kept', () => {
  assert.deepEqual(schedule(config(0)), [
    [0, [1], []],
    [1, [2], []],
    [2, [3], []],
    [3, [4], []],
    [4, [5], []],
    [5, [6], []],
  ]);
});

test('with staleness a step is sampled from the version before the steps that train meanwhile', () => {
  assert.deepEqual(schedule(config(2)), [
    [0, [1, 2, 3], []],
    [0, [2, 3, 4], []],
    [0, [3, 4, 5], [1]],
    [1, [4, 5, 6], [1, 2]],
    [2, [5, 6], [2, 3]],
    [3, [6], [3]],
  ]);
  assert.deepEqual(earlierVersions(config(2), 6), []);
});

test('versions count updates', () => {
  assert.deepEqual(schedule(config(1, 3)), [
    [0, [1, 2], []],
    [0, [2, 3], []],
    [3, [3, 4], [3]],
    [6, [4, 5], [6]],
    [9, [5, 6], [9]],
    [12, [6], [12]],
  ]);
});
