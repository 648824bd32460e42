/** The GPU images run the same services with the same command; one setting differs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeImage, settingsOf } from './services.js';

for (const service of ['rollout', 'gradient', 'reward'] as const) {
  test(`${service}-cuda starts like ${service}, on the GPU`, () => {
    const { env, ...plain } = describeImage(service);
    assert.deepEqual(describeImage(`${service}-cuda`), { ...plain, env: { ...env, DEVICE: 'cuda' } });
    assert.ok(settingsOf(service).has('DEVICE'));
  });
}
