import assert from 'node:assert/strict';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { randomDecoder } from '../adapters/trainable.js';
import { llamaConfig, toHuggingFaceConfig } from '../architectures/llama.js';
import { refused } from '../refusal.fixture.js';
import { tinyShape, tokenizerDirectory } from '../testing.fixture.js';
import { readDecoderModel } from './modelDirectory.js';
import { writeSafetensors } from './safetensors.js';
import type { NamedTensor } from './tensors.js';

const shape = tinyShape({ vocabulary: 1536 });
const config = llamaConfig(shape);
const json = toHuggingFaceConfig(shape, 'LlamaForCausalLM');
const weights = randomDecoder(config, 1);

let root = '';
let count = 0;
before(async () => void (root = await mkdtemp(join(tmpdir(), 'gapo-model-'))));
after(() => rm(root, { recursive: true }));

/** Writes a model directory with some of its parts replaced. */
async function directory(changes: { config?: object; weights?: readonly NamedTensor[] } = {}): Promise<string> {
  const path = join(root, String(count++));
  await cp(tokenizerDirectory, path, { recursive: true });
  await writeFile(join(path, 'config.json'), JSON.stringify(changes.config ?? json));
  await writeSafetensors(join(path, 'model.safetensors'), changes.weights ?? weights);
  return path;
}

describe('a model directory', () => {
  test('is read completely: configuration, every weight, and a hash over the weights', async () => {
    const path = await directory();
    const model = await readDecoderModel(path);
    assert.deepEqual(model.config, config);
    assert.equal(model.weights.size, weights.length);
    assert.equal(model.sha256, (await readDecoderModel(await directory())).sha256);
    const other = weights.map((tensor, i) => (i === 3 ? { ...tensor, data: tensor.data.map((x) => x + 1) } : tensor));
    assert.notEqual((await readDecoderModel(await directory({ weights: other }))).sha256, model.sha256);
  });

  test('that is missing, or a file, is refused', async () => {
    await refused(readDecoderModel(join(root, 'nowhere')), /nowhere: does not exist/);
    await writeFile(join(root, 'file'), '');
    await refused(readDecoderModel(join(root, 'file')), /is not a directory/);
  });

  test('without weights, or with an invalid configuration, is refused with every problem', async () => {
    const path = await directory();
    await rm(join(path, 'model.safetensors'));
    await refused(readDecoderModel(path), /has neither model\.safetensors nor model\.safetensors\.index\.json/);
    await writeFile(join(path, 'config.json'), '{');
    await refused(readDecoderModel(path), /config\.json: is not JSON/);
    await writeFile(join(path, 'config.json'), `{"pruned_heads": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`);
    await refused(readDecoderModel(path), /config\.json: nests more than 500 levels/);
    const wrong = { ...json, vocab_size: undefined, hidden_size: -1 };
    await refused(
      readDecoderModel(await directory({ config: wrong })),
      /vocab_size is missing.*; hidden_size must be a whole number above 0/,
    );
    const unknown = { ...json, model_type: 'mamba' };
    await refused(
      readDecoderModel(await directory({ config: unknown })),
      /model_type must be 'llama', 'mistral'.*, but it is "mamba" \(architectures: LlamaForCausalLM\)/,
    );
    const heads = { ...json, num_key_value_heads: 3 };
    await refused(readDecoderModel(await directory({ config: heads })), /4 is not a multiple of num_key_value_heads 3/);
    const scaled = { ...json, rope_scaling: { type: 'proportional', factor: 4 } };
    await refused(
      readDecoderModel(await directory({ config: scaled })),
      /rope_scaling 'proportional' is not supported; 'linear'/,
    );
    const linear = { ...json, num_key_value_heads: 3, rope_scaling: { type: 'linear' } };
    await refused(
      readDecoderModel(await directory({ config: linear })),
      /rope_scaling 'linear' needs factor; .* is not a multiple of num_key_value_heads 3/,
    );
    const { eos_token_id: _, ...endless } = json;
    await refused(readDecoderModel(await directory({ config: endless })), /eos_token_id is neither here nor in/);
  });

  test('of another architecture is refused with what its keys say', async () => {
    const refusedAs = async (config: Readonly<Record<string, unknown>>, what: RegExp): Promise<void> =>
      refused(readDecoderModel(await directory({ config: { ...json, ...config } })), what);
    await refusedAs(
      { model_type: 'qwen3_moe', num_experts: 128 },
      /"qwen3_moe" .*, with a mixture of 128 experts: other/,
    );
    await refusedAs({ model_type: 'olmo', num_experts: 0 }, /"olmo" \(architectures: LlamaForCausalLM\): other/);
    await refusedAs(
      { model_type: 'deepseek_v3', n_routed_experts: 256, kv_lora_rank: 512 },
      /"deepseek_v3" .*, with a mixture of 256 experts and latent attention \(kv_lora_rank\): other/,
    );
    await refusedAs(
      { model_type: 'gemma3', text_config: { model_type: 'gemma3_text' } },
      /"gemma3" .*: its text decoder is 'gemma3_text', which is supported; write it as a model of its own/,
    );
    await refusedAs(
      { model_type: 'llama4', text_config: { model_type: 'llama4_text', num_local_experts: 16 } },
      /"llama4" .*, with a mixture of 16 experts and parts besides its text decoder: other/,
    );
  });

  test('with an unknown key is refused, unless the key is ignored', async () => {
    const path = await directory({ config: { ...json, logit_bias: 2 } });
    await refused(readDecoderModel(path), /config\.json: unknown key logit_bias \(2\)/);
    assert.deepEqual((await readDecoderModel(path, { ignoreKeys: ['logit_bias'] })).config, config);
  });

  test('with a missing, a surplus or a misshapen tensor is refused by the tensor’s name', async () => {
    await refused(
      readDecoderModel(await directory({ weights: weights.slice(1) })),
      /'model\.embed_tokens\.weight' \[1536,8\] is missing/,
    );
    const surplus = [...weights, { name: 'model.extra.weight', shape: [1], data: new Float32Array(1) }];
    await refused(
      readDecoderModel(await directory({ weights: surplus })),
      /'model\.extra\.weight' is not part of this architecture/,
    );
    const misshapen = weights.map((tensor) =>
      tensor.name.endsWith('up_proj.weight') ? { ...tensor, shape: [8, 12] } : tensor,
    );
    await refused(
      readDecoderModel(await directory({ weights: misshapen })),
      /up_proj\.weight' is \[8,12\], config\.json expects \[12,8\]/,
    );
  });
});
