/**
 * A small part of `make fuzz`: the same inputs every time, for some parsers that do not need their own process.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz } from './fuzz.js';

const only = ['messages', 'decoder configs', 'chat templates', 'run files', 'run directories'];

test('damaged inputs end in errors that name their place', async () => {
  const results = await fuzz({ inputs: 500, seed: 1, only });
  for (const { target, faults } of results) assert.deepEqual(faults, [], target);
  assert.equal(results.length, only.length);
});
