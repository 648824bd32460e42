/** Memory and time with PyTorch and vLLM: values computed by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { required } from '@gapo/numeric';
import { type EngineExtents, nativeEngines, pytorchActivationBytes, weightsByPlace } from './engines.js';
import { type RunExtents, type Worker, planOf } from './plan.js';
import { smallDecoder as tiny, smallRun } from './sizing.fixture.js';
import { type Rates, stepTime } from './stepTime.js';

/** q and o 8·8 each, k and v 8·4 each, gate, up, down 8·16 each, two gains of 8. */
const layer = 2 * 64 + 2 * 32 + 3 * 128 + 16;
/** Embeddings and head 100·8 each, and the last gain. */
const outside = 2 * 800 + 8;
const parameters = 2 * layer + outside;
/** A layer's adapters of rank 3: q has A 3·8 and B 8·3, v has A 3·8 and B 4·3. */
const trained = 2 * (24 + 24 + 24 + 12);

const engines: EngineExtents = {
  rollout: { name: 'vllm', gpus: 1, concurrency: 4 },
  gradient: { name: 'pytorch', gpus: 2, weights: 'bfloat16' },
};
const run: RunExtents = { ...smallRun, engines, device: 'cuda' };
const gpuParts = ({ parts }: Worker): Record<string, number> =>
  Object.fromEntries(parts.filter(({ onDevice }) => onDevice).map(({ what, bytes }) => [what, bytes]));
const hostPart = ({ parts }: Worker, name: string): number =>
  required(parts.find(({ what, onDevice }) => what === name && !onDevice)?.bytes, name); // prettier-ignore
const planned = (change: Partial<RunExtents> = {}) => {
  const plan = planOf(tiny, { ...run, ...change });
  const [rollout, gradient] = plan.workers;
  return { plan, rollout, gradient };
};
const pytorch = (gpus: number, weights: 'float32' | 'bfloat16' = 'bfloat16'): EngineExtents => ({
  ...engines,
  gradient: { name: 'pytorch', gpus, weights },
});

test('activations in PyTorch by hand: the same numbers as in engines/pytorch/tests/test_memory.py', () => {
  const bytes = (keeps: 'layers' | 'inputs' | 'nothing', operand: number): number =>
    pytorchActivationBytes(tiny, { rows: 3, length: 5, completions: 7 }, keeps, operand);
  // A layer of a token: 2·8 numbers in norms; 2·8 + 2·3·4 + 4·16 operands.
  const [single, half] = [4 * 16 + 4 * 104, 4 * 16 + 2 * 104];
  assert.equal(bytes('layers', 4), 15 * 3 * single + 6 * 4 * 700);
  assert.equal(bytes('layers', 2), 15 * 3 * half + 6 * 4 * 700);
  assert.equal(bytes('inputs', 2), 15 * (2 * 2 * 8 + 2 * half) + 6 * 4 * 700);
  assert.equal(bytes('nothing', 2), 15 * half + 5 * 4 * 700);
});

test('a worker of two GPUs shares the frozen weights, and keeps adapters and K gradients whole on each', () => {
  const { gradient, plan } = planned();
  assert.deepEqual(weightsByPlace(tiny), { layer, outside });
  assert.deepEqual(gpuParts(gradient), {
    weights: parameters,
    'gathered weights': 2 * (3 * layer + outside),
    adapters: 4 * trained,
    gradients: 2 * 4 * trained * 3,
    // A shard has 2 prompts · 5 samples, 5 of them on each GPU.
    activations: pytorchActivationBytes(tiny, { rows: 5, length: 16, completions: 50 }, 'layers', 2),
  });
  assert.equal(gradient.gpus, 2);
  assert.equal(hostPart(gradient, 'weights, while they are read'), 2 * 2 * parameters);
  assert.deepEqual(plan.gathering, { pass: (2 * 2 * layer) / 2, rows: { gradients: 5, reference: 5 } });
});

test('one GPU has everything, and gathers nothing', () => {
  const { gradient, plan } = planned({ engines: pytorch(1) });
  assert.equal(gpuParts(gradient)['weights'], 2 * parameters);
  assert.ok(!('gathered weights' in gpuParts(gradient)));
  assert.equal(plan.gathering, undefined);
});

test('frozen weights are float32 where the worker or products in float16 say so', () => {
  const weights = (change: Partial<RunExtents>): unknown => gpuParts(planned(change).gradient)['weights'];
  assert.equal(weights({ engines: pytorch(2, 'float32') }), 2 * parameters);
  assert.equal(weights({ precision: 'float16' }), 2 * parameters);
});

test('with every weight trained, each GPU has all of them and their gradients', () => {
  const { gradient, plan } = planned({ lora: undefined });
  const { weights, gradients } = gpuParts(gradient);
  assert.deepEqual([weights, gradients], [4 * parameters, 2 * 4 * parameters * 3]);
  assert.equal(plan.gathering, undefined);
});

test('on the CPU the host has what each process would have on its GPU', () => {
  const [there, here] = [
    planned(),
    planned({ device: 'cpu', engines: { ...pytorch(2), rollout: { name: 'native' } } }),
  ];
  assert.equal(here.gradient.deviceBytes, 0);
  assert.equal(hostPart(here.gradient, 'adapters'), 2 * required(gpuParts(there.gradient)['adapters'], 'adapters'));
});

test('a vLLM server has weights in two bytes, adapters, and keys and values of the completions in progress', () => {
  const { rollout, plan } = planned();
  assert.deepEqual(gpuParts(rollout), {
    weights: 2 * parameters,
    adapters: 2 * 2 * trained,
    // Keys and values of 2 layers and 1 head of 4, of 4 sequences with 16 positions.
    'KV cache': 2 * 2 * 2 * 1 * 4 * 16 * 4,
  });
  assert.equal(plan.sampledAtOnce, 4);
  const four = planned({ engines: { ...engines, rollout: { name: 'vllm', gpus: 4, concurrency: 4 } } }).rollout;
  assert.equal(gpuParts(four)['weights'], (2 * parameters) / 4);
  assert.equal(gpuParts(four)['KV cache'], gpuParts(rollout)['KV cache'], 'one head has a copy on each GPU');
});

test('seconds by hand: GPUs of a worker compute together, and gathering weights may take longer', () => {
  const { plan } = planned();
  const rates: Rates = { operations: 1e6, memory: undefined, interconnect: undefined, link: 1e9 };
  const seconds = (change: Partial<Rates>) => stepTime(plan, run, { ...rates, ...change }, 1);
  assert.equal(seconds({}).gradients, plan.operations.gradients / 1e6 / 2);
  // Two shards, one micro-batch each: the weights are gathered for the forward and the backward pass, and once for the reference.
  const pass = required(plan.gathering, 'gathering').pass;
  assert.equal(seconds({ interconnect: 100 }).gradients, (2 * 2 * pass) / 100);
  assert.equal(seconds({ interconnect: 100 }).reference, (2 * pass) / 100);
  assert.equal(seconds({ interconnect: 1e9 }).gradients, seconds({}).gradients);

  // A shard's 10 completions of 10 tokens go 4 at a time: 30 steps read all weights, and each token 6 + 10 / 2 positions on average.
  const { sampling } = stepTime(plan, run, { ...rates, memory: 1000 }, 2);
  const reading = (2 * 6 * 2 * (parameters - 800)) / 1e6;
  const cache = 10 * 10 * 11 * (2 * 2 * 2 * 4);
  assert.equal(sampling, reading + (30 * 2 * parameters + cache) / 1000);
});

test('native engines have one GPU each and gather nothing', () => {
  const { plan } = planned({ engines: nativeEngines });
  assert.deepEqual(plan.workers.map(({ gpus }) => gpus), [1, 1, 1]); // prettier-ignore
  assert.equal(plan.gathering, undefined);
});
