/** A small part of `make fuzz`: every target that needs no process of its own, with the same inputs each time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz } from './fuzz.js';
import { targets } from './targets.js';

const withProcesses: readonly string[] = [
  'HTTP requests',
  'training calls',
  'policy calls',
  'rollout calls',
  'gradient calls',
  'tokenizers',
  'ONNX models',
];

test('damaged inputs end in errors that name their place', async () => {
  const only = [...targets.keys()].filter((name) => !withProcesses.includes(name));
  const results = await fuzz({ inputs: 3000, seed: 1, only });
  for (const { target, faults } of results) {
    assert.deepEqual(faults, [], target);
  }
  assert.equal(results.length, only.length);
});
