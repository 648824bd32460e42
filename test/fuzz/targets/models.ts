/** The files of a model directory: weights, configurations, adapters, and the tokenizer. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  encodeSafetensorsHeader,
  llamaConfig,
  readDecoderConfig,
  readDecoderModel,
  readLora,
  readSafetensors,
} from '@gapo/model';
import { exampleConfigs, tinyShape } from '@gapo/model/testing';
import { readClassifierConfig } from '@gapo/reward-service/testing';
import fc from 'fast-check';
import { damagedBytes } from '../mutations/bytes.js';
import { damagedJson } from '../mutations/json.js';
import { type OpenTarget, target } from '../target.js';

const entries = [
  { name: 'a.weight', dtype: 'F32', shape: [2, 3], length: 24 },
  { name: 'b', dtype: 'BF16', shape: [4], length: 8 },
  { name: 'c', dtype: 'F16', shape: [], length: 2 },
] as const;
const header = Buffer.from(encodeSafetensorsHeader(entries)).subarray(8).toString();

function safetensors(json: string): Buffer {
  const text = Buffer.from(json);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(34)]);
}

export const weights: OpenTarget = async (directory) => {
  const path = join(directory, 'model.safetensors');
  return target(
    fc.oneof(damagedBytes([safetensors(header)]), damagedJson([header]).map(safetensors)),
    async (bytes) => {
      await writeFile(path, bytes);
      await readSafetensors(path);
    },
    { place: path },
  );
};

/** A whole model, whose weights are located through the headers of its files. */
export const modelDirectories: OpenTarget = async (directory) => {
  const config = { ...llamaJson(), vocab_size: 4 };
  await writeFile(join(directory, 'config.json'), JSON.stringify(config));
  const path = join(directory, 'model.safetensors');
  const index = JSON.stringify({
    metadata: { total_size: 10 },
    weight_map: { a: 'model.safetensors', b: 'x.safetensors' },
  });
  return target(
    fc.oneof(
      damagedJson([header]).map((json) => ({ file: 'model.safetensors', bytes: safetensors(json) })),
      damagedJson([index]).map((json) => ({ file: 'model.safetensors.index.json', bytes: Buffer.from(json) })),
    ),
    async ({ file, bytes }) => {
      await writeFile(path, safetensors(header));
      await writeFile(join(directory, 'model.safetensors.index.json'), '{}');
      await writeFile(join(directory, file), bytes);
      await readDecoderModel(directory);
    },
    { place: directory },
  );
};

function llamaJson(): Readonly<Record<string, unknown>> {
  return {
    model_type: 'llama',
    vocab_size: 16,
    hidden_size: 8,
    intermediate_size: 12,
    num_hidden_layers: 1,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    max_position_embeddings: 16,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    rope_scaling: { rope_type: 'linear', factor: 2 },
    bos_token_id: 1,
    eos_token_id: 2,
  };
}

const generation = JSON.stringify({
  eos_token_id: [1, 2],
  pad_token_id: 0,
  do_sample: true,
  temperature: 0.5,
  top_k: 20,
});

export const decoderConfigs: OpenTarget = async (directory) => {
  const seeds = [llamaJson(), ...Object.values<object>(exampleConfigs)].map((config) => JSON.stringify(config));
  return target(
    fc.oneof(
      { weight: 4, arbitrary: fc.tuple(damagedJson(seeds), fc.constant(generation)) },
      { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...seeds), damagedJson([generation])) },
    ),
    async ([config, generationConfig]) => {
      await writeFile(join(directory, 'config.json'), config);
      await writeFile(join(directory, 'generation_config.json'), generationConfig);
      await readDecoderConfig(directory);
    },
    { place: directory },
  );
};

const adapter = JSON.stringify({
  peft_type: 'LORA',
  task_type: 'CAUSAL_LM',
  base_model_name_or_path: '/models/base',
  r: 2,
  lora_alpha: 4,
  target_modules: ['q_proj', 'v_proj'],
  rank_pattern: { 'layers.0.self_attn.q_proj': 4 },
  alpha_pattern: { '^.*v_proj$': 8 },
  layers_to_transform: null,
  lora_dropout: 0,
  bias: 'none',
});

export const adapters: OpenTarget = async (directory) => {
  const config = llamaConfig(tinyShape());
  return target(
    damagedJson([adapter, adapter.replace('["q_proj","v_proj"]', '".*(q|v)_proj"')]),
    async (text) => {
      await writeFile(join(directory, 'adapter_config.json'), text);
      await readLora(directory, { directory, config });
    },
    { place: directory },
  );
};

const classifier = {
  architectures: ['LlamaForSequenceClassification'],
  vocab_size: 16,
  model_type: 'llama',
  max_position_embeddings: 64,
  pad_token_id: 0,
  id2label: { 0: 'BAD', 1: 'GOOD' },
  problem_type: 'single_label_classification',
  gapo_reward: { objective: 'helpful', label: 'GOOD', function_to_apply: 'softmax', minimum: 0, maximum: 1 },
};

export const classifierConfigs: OpenTarget = async (directory) => {
  await writeFile(join(directory, 'model.onnx'), '');
  const settings = JSON.stringify({ model_max_length: 64 });
  const config = JSON.stringify(classifier);
  return target(
    fc.oneof(
      { weight: 4, arbitrary: fc.tuple(damagedJson([config]), fc.constant(settings)) },
      { weight: 1, arbitrary: fc.tuple(fc.constant(config), damagedJson([settings])) },
    ),
    async ([text, tokenizer]) => {
      await writeFile(join(directory, 'config.json'), text);
      await writeFile(join(directory, 'tokenizer_config.json'), tokenizer);
      await readClassifierConfig(directory);
    },
    { place: directory },
  );
};
