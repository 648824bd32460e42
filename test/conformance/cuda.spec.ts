/** The GPU images run the same services with the same command; one setting differs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeImage } from './images.js';
import { settingsOf } from './services.js';

for (const service of ['rollout', 'gradient', 'reward'] as const) {
  test(`${service}-cuda starts like ${service}, on the GPU`, () => {
    const { env, labels, ...plain } = describeImage(service);
    const { labels: _labels, env: cudaEnv, ...cuda } = describeImage(`${service}-cuda`);
    assert.deepEqual(cuda, plain);
    // The base's own PATH stays.
    assert.deepEqual({ PATH: env['PATH'], ...cudaEnv }, { ...env, DEVICE: 'cuda' });
    assert.ok(settingsOf(service).has('DEVICE'));
    assert.match(labels['org.opencontainers.image.title'] ?? '', new RegExp(`^gapo-${service}$`));
  });
}
