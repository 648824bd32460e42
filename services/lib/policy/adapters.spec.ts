/**
 * Adapters saved by PEFT give the same log-probabilities as in PEFT, also after merging and after being written again.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  type DecoderModel,
  adapterFiles,
  adapterMetadata,
  peftConfig,
  readAdapter,
  readDecoderModel,
  writeMergedModel,
  writeSafetensors,
} from '@gapo/model';
import { required } from '@gapo/numeric';
import { z } from 'zod';
import { describedTensor, logprobsOf, writeDescribed } from './checkpoint.fixture.js';
import { Evaluator } from './evaluator.js';
import { logitsOf } from './referenceDecoder.fixture.js';
import { Sampler } from './sampling/sampler.js';

const values = new URL('../../../../test/oracle/values/adapters.json', import.meta.url);
const config = z.record(z.string(), z.unknown());
const tensors = z.array(describedTensor);
/** Written by test/oracle/torch/adapters.py. */
const { ids, bases, adapters } = z
  .object({
    ids: z.array(z.int()),
    bases: z.record(z.string(), z.object({ config, tensors })),
    adapters: z.array(z.object({ name: z.string(), base: z.string(), config, tensors, logprobs: z.array(z.number()) })),
  })
  .parse(JSON.parse(readFileSync(values, 'utf8')));

let root = '';
const models = new Map<string, DecoderModel>();
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'gapo-adapters-'));
  for (const [name, { config: content, tensors: described }] of Object.entries(bases)) {
    await writeDescribed(join(root, name), described, { file: 'config.json', content });
    models.set(name, await readDecoderModel(join(root, name)));
  }
});
after(() => rm(root, { recursive: true }));

const close = (found: readonly number[], expected: readonly number[], tolerance: number, what: string): void =>
  found.forEach((x, i) =>
    assert.ok(Math.abs(x - (expected[i] ?? NaN)) < tolerance, `${what}, token ${i + 1}: ${x}, not ${expected[i]}`),
  );

describe('an adapter has the log-probabilities of PEFT:', () => {
  for (const { name, base, config: content, tensors: described, logprobs } of adapters) {
    test(name, async () => {
      const model = required(models.get(base), base);
      const directory = join(root, name);
      const named = described.map((tensor) => ({ ...tensor, file: adapterFiles.weights }));
      await writeDescribed(directory, named, { file: adapterFiles.config, content });
      const adapter = await readAdapter(directory, model);
      close(logprobsOf(await logitsOf(model, ids, ids.length, adapter), ids), logprobs, 1e-4, 'adapted');

      const merged = join(root, `${name}-merged`);
      await writeMergedModel(model, adapter, merged);
      const whole = await readDecoderModel(merged);
      close(logprobsOf(await logitsOf(whole, ids, ids.length), ids), logprobs, 1e-4, 'merged');

      const again = join(root, `${name}-again`);
      await mkdir(again);
      await writeFile(join(again, adapterFiles.config), JSON.stringify(peftConfig(model.config, adapter.lora, 'base')));
      await writeSafetensors(join(again, adapterFiles.weights), adapter.tensors, adapterMetadata(model.sha256));
      assert.deepEqual(await readAdapter(again, model), adapter);
    });
  }

  test('whose ranks and scales differ is sampled as it is evaluated', async () => {
    const { base } = required(
      adapters.find(({ name }) => name === 'ranks and alphas of rsLoRA'),
      'the adapter',
    );
    const model = required(models.get(base), base);
    const { lora, tensors: version } = await readAdapter(join(root, 'ranks and alphas of rsLoRA'), model);
    const spec = { lora, valueHeads: 0 };
    const promptIds = ids.slice(0, 3);
    const settings = { temperature: 1, maxNewTokens: 12, samplesPerPrompt: 2, seed: 3, step: 1 };
    const sampler = new Sampler(model, spec, { threads: 1 });
    const evaluator = await Evaluator.open(model, spec, { threads: 1 });
    for await (const sample of sampler.sample(version, [{ index: 0, ids: promptIds }], settings)) {
      const { logprobs } = await evaluator.evaluate(version, [{ promptIds, completionIds: sample.ids }], 1);
      close([...logprobs], [...sample.logprobs], 1e-4, 'sampled');
    }
    await sampler.close();
    await evaluator.close();
  });
});
