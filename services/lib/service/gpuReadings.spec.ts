import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordedMetrics } from '@gapo/tracing/testing';
import { measureGpus } from './gpuReadings.js';

const recorded = recordedMetrics();

test('the memory of the visible GPUs is measured, and what the driver does not know is left out', async () => {
  const asked: (readonly string[])[] = [];
  const query = async (args: readonly string[]): Promise<string> => {
    asked.push(args);
    return 'GPU-1, NVIDIA H200, 1024, 143771\nGPU-2, NVIDIA H200, [N/A], 143771\n';
  };
  const stop = measureGpus('cuda', { CUDA_VISIBLE_DEVICES: '0,1' }, query);
  const used = await recorded('hw.gpu.memory.usage');
  assert.deepEqual(
    used.map(({ attributes, value }) => [attributes, value]),
    [[{ 'hw.id': 'GPU-1', 'hw.name': 'NVIDIA H200' }, 2 ** 30]],
  );
  assert.equal((await recorded('hw.gpu.memory.limit')).length, 2);
  assert.deepEqual(asked[0]?.slice(0, 1), ['--id=0,1']);
  stop();
  assert.deepEqual(await recorded('hw.gpu.memory.usage'), []);
});

test('on the CPU the driver is not queried', async () => {
  measureGpus('cpu', {}, () => assert.fail('it was asked'))();
  assert.deepEqual(await recorded('hw.gpu.memory.usage'), []);
});
