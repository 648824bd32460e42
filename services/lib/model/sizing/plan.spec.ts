/** Memory and operations: hand-computed values, and what they depend on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { required } from '@gapo/numeric';
import { llamaConfig } from '../architectures/llama.js';
import type { DecoderConfig } from '../decoderConfig.js';
import { activationBytes } from './activations.js';
import { type RunExtents, type Worker, planOf } from './plan.js';
import { smallDecoder as tiny, smallRun as run } from './sizing.fixture.js';

const bytesOf = (worker: Worker): Record<string, number> =>
  Object.fromEntries(worker.parts.map(({ what, bytes }) => [what, bytes]));

const partOf = (worker: Worker, what: string): number => required(bytesOf(worker)[what], what);

const kinds = (change: Partial<RunExtents> = {}, config = tiny) => {
  const plan = planOf(config, { ...run, ...change });
  const [rollout, gradient, coordinator] = plan.workers;
  return { plan, rollout, gradient, coordinator };
};

test('a small decoder, by hand', () => {
  const { plan, rollout, gradient, coordinator } = kinds();
  // Embeddings and head 2·100·8; a layer: q and o 8·8 each, k and v 8·4 each, gate, up, down 8·16 each, two gains of 8; a last gain.
  const parameters = 2 * 100 * 8 + 2 * (2 * 64 + 2 * 32 + 3 * 128 + 16) + 8;
  // A layer's adapters: q has A 3·8 and B 8·3, v has A 3·8 and B 4·3.
  const trained = 2 * (24 + 24 + 24 + 12);
  assert.deepEqual([plan.parameters, plan.trained], [parameters, trained]);

  const { process: own, ...sampling } = bytesOf(rollout);
  assert.ok(own !== undefined && own > 2 ** 26);
  assert.deepEqual(sampling, {
    weights: 4 * parameters,
    'packed weights': 2 * 4 * parameters,
    versions: 4 * 4 * trained,
    // Before and after a stretch: keys and values of 2 layers, 1 head of 4, 16 positions, 2 prompts · 5 samples.
    'KV cache': 2 * 4 * (2 * 2 * 1 * 4 * 16 * 10),
    // One layer: 4·8 + (3·2 + 2·1)·4 + 2·6 + 4·16 floats for each of 2 · 6 tokens.
    'prompt activations': 4 * 2 * 6 * (32 + 32 + 12 + 64),
    logits: 4 * 4 * 10 * 100,
  });

  const { process: _, ...differentiating } = bytesOf(gradient);
  assert.deepEqual(differentiating, {
    weights: 4 * parameters,
    'packed weights': 2 * 4 * parameters,
    versions: 4 * 4 * trained,
    gradients: 3 * 4 * trained * 3,
    // Two layers kept and one being computed, 10 sequences of 16 tokens, the logits of 100 completion tokens eight times.
    activations: 4 * (10 * 16 * 3 * (32 + 32 + 2 * 16 + 64) + 8 * 100 * 100),
  });
  assert.equal(
    differentiating['activations'],
    activationBytes(tiny, { rows: 10, length: 16, completions: 100 }, 'layers'),
  );

  const { process: _process, ...combining } = bytesOf(coordinator);
  assert.deepEqual(combining, {
    versions: 4 * 4 * trained,
    optimiser: 4 * 4 * trained,
    gradients: 3 * 4 * trained * 3,
    checkpoint: 3 * 4 * trained,
  });

  const multiplied = parameters - 800;
  assert.deepEqual(plan.operations, {
    sampling: 2 * multiplied * (4 * 6 + 20 * 10),
    reference: 2 * multiplied * (4 * 6 + 20 * 10),
    gradients: multiplied * (2 * (4 * 6 + 20 * 10) + 2 * (2 * 4 * 6 + 20 * 10)), // backward: a prompt per objective
  });
  assert.deepEqual(plan.transfers, { version: 4 * trained, gradients: 4 * trained * 3 * 2 });
  for (const worker of plan.workers) {
    assert.equal(
      worker.hostBytes,
      worker.parts.reduce((sum, { bytes }) => sum + bytes, 0),
    );
  }
});

test('the parameters of published 7B models are counted exactly', () => {
  const llama2 = llamaConfig({
    vocabulary: 32_000,
    width: 4096,
    feedForward: 11_008,
    layers: 32,
    heads: 32,
    keyValueHeads: 32,
    headWidth: 128,
    context: 4096,
    epsilon: 1e-5,
    ropeTheta: 10_000,
    tiedEmbeddings: false,
    bosId: 1,
    eosIds: [2],
  });
  assert.equal(planOf(llama2, run).parameters, 6_738_415_616);
  const mistral = { ...llama2, feedForward: 14_336, keyValueHeads: 8 };
  const { plan, rollout } = kinds({}, mistral);
  assert.equal(plan.parameters, 7_241_732_096);
  assert.ok(!('packed weights' in bytesOf(rollout)), 'large models are not packed');
});

test('norms of outputs and soft caps need memory', () => {
  const extents = { rows: 2, length: 5, completions: 6 };
  const bytes = (config: DecoderConfig, keeps: 'layers' | 'nothing'): number => activationBytes(config, extents, keeps);
  const names = { ...tiny.names, attentionOutputNorm: 'a', feedForwardOutputNorm: 'b' };
  // Two more norms of width 8, and the scores of 2 heads at 5 positions before the cap, for 10 tokens and 3 layers.
  assert.equal(bytes({ ...tiny, names }, 'layers') - bytes(tiny, 'layers'), 4 * 10 * 3 * 2 * 8);
  assert.equal(bytes({ ...tiny, scoreCap: 50 }, 'layers') - bytes(tiny, 'layers'), 4 * 10 * 3 * 2 * 5);
  assert.equal(bytes({ ...tiny, logitCap: 30 }, 'layers') - bytes(tiny, 'layers'), 4 * 2 * 6 * 100);
  assert.equal(bytes({ ...tiny, logitCap: 30 }, 'nothing') - bytes(tiny, 'nothing'), 4 * 6 * 100);
});

test('a micro-batch fits the budget, and has at least one sequence', () => {
  const one = activationBytes(tiny, { rows: 1, length: 16, completions: 10 }, 'layers');
  const activations = (activationBudget: number): number => partOf(kinds({ activationBudget }).gradient, 'activations');
  assert.equal(activations(1), one);
  assert.equal(activations(3.5 * one), 3 * one);
  assert.equal(activations(1000 * one), 10 * one, 'a shard has no more');
});

test('recomputation trades operations for memory', () => {
  const deep = { ...tiny, layers: 40, windows: [] };
  const [kept, again] = [kinds({}, deep), kinds({ recompute: true }, deep)];
  assert.ok(partOf(again.gradient, 'activations') < partOf(kept.gradient, 'activations') / 4);
  const [forward, backward] = [2 * (4 * 6 + 20 * 10), 2 * (2 * 4 * 6 + 20 * 10)];
  const ratio = again.plan.operations.gradients / kept.plan.operations.gradients;
  assert.ok(Math.abs(ratio - (2 * forward + backward) / (forward + backward)) < 1e-12);
});

test('on a GPU, its memory has the weights', () => {
  const { rollout, gradient, coordinator } = kinds({ device: 'cuda' });
  assert.equal(coordinator.deviceBytes, 0);
  for (const worker of [rollout, gradient]) {
    const there = worker.parts.filter(({ onDevice }) => onDevice).map(({ what }) => what);
    assert.ok(there.includes('weights'), worker.name);
    assert.equal(worker.deviceBytes > 0, true);
  }
  // Each session has its own copy: log-probabilities, gradients, and with several updates the graph with clipping.
  const weights = partOf(gradient, 'weights');
  assert.equal(bytesOf(kinds({ device: 'cuda', updates: 4 }).gradient)['weights'], 1.5 * weights);
});

test('float16 halves the weights in products on a GPU, and nothing on a CPU', () => {
  const half = kinds({ device: 'cuda', precision: 'float16' });
  const table = 100 * 8;
  const { parameters } = half.plan;
  assert.equal(bytesOf(half.rollout)['weights'], 2 * (2 * (parameters - table) + 4 * table));
  const tied = kinds({ device: 'cuda', precision: 'float16' }, { ...tiny, tiedEmbeddings: true });
  assert.equal(bytesOf(tied.rollout)['weights'], 2 * (2 * tied.plan.parameters + 4 * table));
  assert.deepEqual(bytesOf(kinds({ precision: 'float16' }).rollout)['weights'], 4 * parameters);
});

test('rollout.batch limits the completions that are sampled at once', () => {
  const [all, some] = [kinds(), kinds({ batch: 5 })];
  assert.equal(partOf(some.rollout, 'KV cache'), partOf(all.rollout, 'KV cache') / 2);
  assert.equal(partOf(some.rollout, 'logits'), partOf(all.rollout, 'logits') / 2);
});

test('with every weight trained, none is frozen, and each objective costs operations', () => {
  const { plan, gradient } = kinds({ lora: undefined });
  assert.equal(plan.trained, plan.parameters);
  assert.ok(!('weights' in bytesOf(gradient)));
});

test('gradients count a prompt once for its completions, backward for each objective where that is less', () => {
  const [prompts, completions] = [4 * 6, 20 * 10];
  const perWeight = (changes: Partial<RunExtents>): number => {
    const { plan } = kinds(changes);
    return plan.operations.gradients / (kinds().plan.parameters - 800);
  };
  const near = (found: number, expected: number): void => assert.ok(Math.abs(found - expected) < 1e-9 * expected);
  const all = { lora: undefined };
  near(perWeight({ objectives: 1 }), 4 * (prompts + completions));
  near(perWeight(all), 2 * (prompts + completions) + 6 * completions + 2 * 4 * prompts);
  near(perWeight({ ...all, objectives: 1 }), 6 * (prompts + completions));
  // Five objectives and five completions of each prompt: sharing would save nothing.
  near(perWeight({ objectives: 5 }), 4 * 20 * 16);
  near(perWeight({ ...all, objectives: 5 }), (2 + 2 + 2 * 5) * 20 * 16);
  // Per-token advantages take a pass per objective.
  near(perWeight({ valueHeads: 2 }), 2 * (prompts + completions) + 2 * 2 * (prompts + completions));
});

test('sampling ahead keeps versions at the coordinator, and needs another forward pass and a second graph with clipping', () => {
  const trained = 2 * (24 + 24 + 24 + 12);
  const of = (staleness: number, updates = 1) => kinds({ staleness, current: staleness > 0, updates });
  const versions = ({ coordinator }: ReturnType<typeof kinds>): number =>
    partOf(coordinator, 'versions') / (4 * trained);
  assert.deepEqual([of(0), of(1), of(2)].map(versions), [4, 5, 6]);
  assert.deepEqual([of(0, 2), of(1, 2), of(2, 2)].map(versions), [4, 6, 7]);
  assert.equal(partOf(of(2).coordinator, 'checkpoint'), 5 * 4 * trained);
  assert.equal(of(1).plan.operations.reference, 2 * of(0).plan.operations.reference);
  assert.equal(of(1).plan.operations.gradients, of(0).plan.operations.gradients);
  assert.equal(partOf(of(1).gradient, 'packed weights'), 1.5 * partOf(of(0).gradient, 'packed weights'));
});
