import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { llamaConfig, toHuggingFaceConfig } from '../architectures/llama.js';
import { refused } from '../refusal.fixture.js';
import { tinyShape } from '../testing.fixture.js';
import { writeTensors } from '../weights/checkpointFiles.fixture.js';
import { type DecoderModel, readDecoderModel } from '../weights/modelDirectory.js';
import { writeSafetensors } from '../weights/safetensors.js';
import { type NamedTensor } from '../weights/tensors.js';
import { adapterMetadata, linearTargets, peftConfig, readAdapter } from './peft.js';
import { initialTensors, randomDecoder, trainableTensors } from './trainable.js';

const shape = tinyShape();
const config = llamaConfig(shape);
const lora = { rank: 3, alpha: 6, targets: ['q_proj', 'down_proj'] };
const tensors = initialTensors(config, { lora, valueHeads: 0 }, 1, new Map()).map(({ name, shape, data }, t) => ({
  name,
  shape,
  data: data.map((_, i) => Math.sin(i + t)),
}));

let root = '';
let count = 0;
let model: DecoderModel;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'gapo-peft-'));
  model = await readDecoderModel(await writeModel('model', 1));
});
after(() => rm(root, { recursive: true }));

async function writeModel(name: string, seed: number): Promise<string> {
  const path = join(root, name);
  await mkdir(path);
  await writeFile(join(path, 'config.json'), JSON.stringify(toHuggingFaceConfig(shape, 'LlamaForCausalLM')));
  await writeSafetensors(join(path, 'model.safetensors'), randomDecoder(config, seed));
  return path;
}

interface Parts {
  readonly config?: object;
  readonly tensors?: readonly NamedTensor[];
  readonly baseSha256?: string;
}

async function adapter({ config: changes = {}, tensors: own = tensors, baseSha256 }: Parts = {}): Promise<string> {
  const path = join(root, `adapter-${count++}`);
  await mkdir(path);
  const json = { ...peftConfig(config, lora, 'some/model'), ...changes };
  await writeFile(join(path, 'adapter_config.json'), JSON.stringify(json));
  const metadata = baseSha256 === undefined ? { format: 'pt' } : adapterMetadata(baseSha256);
  await writeSafetensors(join(path, 'adapter_model.safetensors'), own, metadata);
  return path;
}

const refusedAdapter = async (directory: Promise<string>, pattern: RegExp): Promise<void> => {
  await refused(readAdapter(await directory, model), pattern);
};

describe('an adapter', () => {
  test('is read as it was written', async () => {
    assert.deepEqual(await readAdapter(await adapter({ baseSha256: model.sha256 }), model), { lora, tensors });
  });

  test('may be in another order, in BF16, or on modules by longer names', async () => {
    const path = await adapter({
      config: { target_modules: ['self_attn.q_proj', 'mlp.down_proj'], lora_dropout: 0.1 },
    });
    const round = tensors.map((tensor) => ({ ...tensor, data: tensor.data.map((_, i) => i / 8) }));
    await writeTensors(join(path, 'adapter_model.safetensors'), [...round].reverse(), 'BF16');
    const found = await readAdapter(path, model);
    assert.deepEqual(found.tensors, round);
    assert.deepEqual(found.lora.targets, ['self_attn.q_proj', 'mlp.down_proj']);
  });

  test('may say that the weights are stored the other way, as PEFT corrects it', async () => {
    assert.deepEqual((await readAdapter(await adapter({ config: { fan_in_fan_out: true } }), model)).tensors, tensors);
  });

  test('on all linear maps names them', async () => {
    const all = { ...lora, targets: linearTargets(config) };
    const whole = initialTensors(config, { lora: all, valueHeads: 0 }, 1, new Map());
    const found = await readAdapter(await adapter({ config: { target_modules: 'all-linear' }, tensors: whole }), model);
    assert.deepEqual(found.lora, all);
    assert.deepEqual(
      found.tensors.map(({ name, shape }) => ({ name, shape })),
      trainableTensors(config, { lora: all, valueHeads: 0 }),
    );
  });

  test('that is not plain LoRA is refused with every unsupported key', async () => {
    await refusedAdapter(
      adapter({ config: { bias: 'all', use_dora: true, rank_pattern: { q_proj: 0 }, modules_to_save: ['lm_head'] } }),
      /bias is not supported: .*; use_dora is not supported: .*; modules_to_save is not supported: .*; rank_pattern.q_proj must be/,
    );
    await refusedAdapter(adapter({ config: { peft_type: 'IA3' } }), /peft_type must be 'LORA'/);
    const path = adapter();
    await rm(join(await path, 'adapter_model.safetensors'));
    await refusedAdapter(path, /adapter_model\.safetensors: does not exist/);
    await writeFile(join(await path, 'adapter_model.bin'), '');
    await refusedAdapter(path, /has adapter_model\.bin, but not adapter_model\.safetensors; convert it with PEFT's/);
  });

  test('whose tensors are not those of linear maps is refused with what they are', async () => {
    const [first] = tensors as [NamedTensor];
    const renamed = (name: string): Promise<string> => adapter({ tensors: [{ ...first, name }, ...tensors.slice(1)] });
    await refusedAdapter(
      renamed('base_model.model.model.embed_tokens.weight'),
      /it has whole weights, such as 'base_model\.model\.model\.embed_tokens\.weight': only adapters are trained/,
    );
    await refusedAdapter(renamed('base_model.model.model.embed_tokens.lora_embedding_A'), /it adapts the embeddings/);
    await refusedAdapter(
      renamed('base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight'),
      /lora_A\.default\.weight' contains the adapter's name/,
    );
  });

  test('that does not fit the model is refused with every mismatch', async () => {
    const [first, second] = tensors as [NamedTensor, NamedTensor];
    await refusedAdapter(
      adapter({
        config: { target_modules: ['q_proj', 'down_proj', 'c_attn'] },
        tensors: [{ ...first, shape: [8, 3] }, second, { ...first, name: 'base_model.model.lm_head.lora_A.weight' }],
      }),
      new RegExp(
        [
          "target_modules has 'c_attn', which the model lacks",
          "'.*q_proj.lora_A.weight' is \\[8,3\\], the model expects \\[3,8\\]",
          "'.*down_proj.lora_A.weight' \\[3,12\\] is missing",
          "'.*down_proj.lora_B.weight' \\[8,3\\] is missing",
          "'base_model.model.lm_head.lora_A.weight' is not part of this architecture",
        ].join('.*; .*'),
      ),
    );
  });

  test('of another model is refused by its recorded hash or path', async () => {
    const other = await writeModel('other', 2);
    const { sha256 } = await readDecoderModel(other);
    await refusedAdapter(
      adapter({ baseSha256: sha256 }),
      new RegExp(`trained on weights with SHA-256 ${sha256.slice(0, 12)}…`),
    );
    await refusedAdapter(
      adapter({ config: { base_model_name_or_path: other } }),
      /base_model_name_or_path is \/.*other/,
    );
    const copy = join(root, 'copy');
    await cp(model.directory, copy, { recursive: true });
    const elsewhere = adapter({ config: { base_model_name_or_path: copy }, baseSha256: model.sha256 });
    assert.deepEqual((await readAdapter(await elsewhere, model)).tensors, tensors, 'the weights are the same');
  });
});
