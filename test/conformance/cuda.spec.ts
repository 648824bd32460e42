/** The GPU images run the same services with the same command; one setting differs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeImage } from './images.js';
import { pytorchSettings, settingsOf } from './services.js';

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

test('the images of the PyTorch worker start alike, with settings that it knows', () => {
  const { env, labels: _labels, ...plain } = describeImage('gradient-pytorch');
  const { env: cudaEnv, labels: _cudaLabels, ...cuda } = describeImage('gradient-pytorch-cuda');
  assert.deepEqual(cuda, plain);
  assert.equal(plain.user, '10001:10001');
  const { DEVICE, NVIDIA_DRIVER_CAPABILITIES: _capabilities, ...others } = cudaEnv;
  // The base's own PATH stays.
  assert.deepEqual([DEVICE, { PATH: env['PATH'], ...others }], ['cuda', env]);
  const ofPython = ['PATH', 'HOME', 'PYTHONPATH', 'PYTHONDONTWRITEBYTECODE', 'HF_HUB_OFFLINE'];
  for (const name of Object.keys(env)) assert.ok(pytorchSettings().has(name) || ofPython.includes(name), name);
});
