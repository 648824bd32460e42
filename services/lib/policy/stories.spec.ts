import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Graph, Session, int64 } from '@gapo/graph';
import { readDecoderModel } from '@gapo/model';
import { decodeSequences, decoderOf, logits } from './decoder/sequences.js';
import { tensorSource } from './decoder/tensorSource.js';
import { Evaluator } from './evaluator.js';
import { Sampler } from './sampling/sampler.js';

const directory = resolve(fileURLToPath(new URL('../../../..', import.meta.url)), '../shared/models/stories260k-hf');
const absent = existsSync(directory) ? false : `the pretrained model is not at ${directory}`;

test('a pretrained model decodes greedily as published', { skip: absent }, async () => {
  const model = await readDecoderModel(directory);
  const published = JSON.parse(await readFile(join(directory, 'greedy200.json'), 'utf8')) as { greedy_ids: number[] };
  const [first, ...rest] = published.greedy_ids;
  const spec = { lora: { rank: 2, alpha: 2, targets: ['q_proj'] }, valueHeads: 0 };
  const version = [...Array(5).keys()].flatMap((layer) => [
    {
      name: `base_model.model.model.layers.${layer}.self_attn.q_proj.lora_A.weight`,
      shape: [2, 64],
      data: new Float32Array(128).fill(0.1),
    },
    {
      name: `base_model.model.model.layers.${layer}.self_attn.q_proj.lora_B.weight`,
      shape: [64, 2],
      data: new Float32Array(128),
    },
  ]);
  const sampler = new Sampler(model, spec, { threads: 1 });
  const options = { temperature: 0, maxNewTokens: rest.length, samplesPerPrompt: 1, seed: 0, step: 0 };
  for await (const { ids } of sampler.sample(version, [{ index: 0, ids: [first as number] }], options)) {
    assert.deepEqual(ids, rest);
  }
  const evaluator = await Evaluator.open(model, spec, { threads: 1 });
  const { logprobs } = await evaluator.evaluate(version, [{ promptIds: [1], completionIds: rest.slice(0, 60) }], 1);
  const mean = -logprobs.reduce((total, x) => total + x, 0) / logprobs.length;
  assert.ok(Math.abs(mean - 0.37723) < 1e-4, `mean negative log-likelihood ${mean}`);

  // The five largest logits after BOS, as published.
  const graph = new Graph('logits');
  const { tensors } = tensorSource(graph, [], model.weights);
  const decoder = decoderOf(model.config, tensors, undefined);
  const { hidden } = decodeSequences(decoder, graph.input('ids', 'int64', ['B', 'T']));
  graph.output('logits', logits(decoder, hidden, graph.constant(1)));
  const session = await Session.open(graph.toModel(), { threads: 1 });
  const outputs = await session.run({ ids: { data: int64([1]), dims: [1, 1] } });
  const found = outputs['logits']?.data as Float32Array;
  const expected: Readonly<Record<number, number>> = {
    403: 17.0235,
    385: 15.4062,
    410: 13.1083,
    317: 12.7692,
    407: 12.4181,
  };
  const top = [...found.keys()].sort((x, y) => (found[y] ?? 0) - (found[x] ?? 0)).slice(0, 5);
  assert.deepEqual(top, [403, 385, 410, 317, 407]);
  for (const id of top) {
    const gap = Math.abs((found[id] as number) - (expected[id] as number));
    assert.ok(gap < 1e-3, `logit of ${id}: ${found[id]}`);
  }
  await session.close();
  await sampler.close();
  await evaluator.close();
});
