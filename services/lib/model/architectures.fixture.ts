/** Tiny random checkpoints of every architecture, as directories of Hugging Face's files. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { required } from '@gapo/numeric';
import { decoderTensors, neutralGain } from './decoderLayout.js';
import { type ModelOptions, readDecoderConfig } from './huggingFaceConfig.js';
import { philoxNormal } from './weights/initialization.js';
import { writeSafetensors } from './weights/safetensors.js';
import { type NamedTensor, sizeOf } from './weights/tensors.js';

const llama = {
  vocab_size: 19,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  hidden_act: 'silu',
  tie_word_embeddings: false,
  bos_token_id: 1,
  eos_token_id: 2,
};

const { hidden_act: _, ...others } = llama;
const gemma = { ...others, head_dim: 8, tie_word_embeddings: true };

/**
 * The config.json of each, by name. Windows are shorter than the tests' sequences, and rotary scaling covers frequencies of
 * every kind.
 */
export const exampleConfigs: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'Llama 2': { ...llama, model_type: 'llama' },
  'Llama 3 with scaled rotary embeddings': {
    ...llama,
    model_type: 'llama',
    tie_word_embeddings: true,
    head_dim: 8,
    max_position_embeddings: 256,
    // Of the four frequencies, one is kept, one interpolated and two are stretched.
    rope_scaling: {
      rope_type: 'llama3',
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 128,
    },
  },
  'Llama with linearly scaled rotary embeddings and biases everywhere': {
    ...llama,
    model_type: 'llama',
    rope_scaling: { type: 'linear', factor: 4 },
    attention_bias: true,
    mlp_bias: true,
  },
  Mistral: { ...llama, model_type: 'mistral', sliding_window: 5 },
  Ministral: {
    ...llama,
    model_type: 'ministral',
    sliding_window: 5,
    layer_types: ['sliding_attention', 'full_attention'],
  },
  Qwen2: { ...llama, model_type: 'qwen2', tie_word_embeddings: true },
  'Qwen2 with a window in its upper layer': {
    ...llama,
    model_type: 'qwen2',
    use_sliding_window: true,
    sliding_window: 4,
    max_window_layers: 1,
  },
  Qwen3: { ...llama, model_type: 'qwen3', head_dim: 6, attention_bias: false },
  Gemma: { ...gemma, model_type: 'gemma' },
  'Gemma 2': {
    ...gemma,
    model_type: 'gemma2',
    query_pre_attn_scalar: 5,
    sliding_window: 5,
    attn_logit_softcapping: 2,
    final_logit_softcapping: 3,
  },
  'Gemma 3': {
    ...gemma,
    model_type: 'gemma3_text',
    query_pre_attn_scalar: 5,
    sliding_window: 5,
    sliding_window_pattern: 2,
    rope_local_base_freq: 100,
  },
  'Phi-3 with rotary embeddings of some channels': {
    ...llama,
    model_type: 'phi3',
    head_dim: 8,
    partial_rotary_factor: 0.75,
    sliding_window: 6,
    original_max_position_embeddings: 64,
    max_position_embeddings: 128,
    rope_scaling: { type: 'longrope', short_factor: [1, 1.3, 2.1], long_factor: [1.5, 3, 9] },
  },
  'OLMo 2': { ...llama, model_type: 'olmo2' },
  'OLMo 3': {
    ...llama,
    model_type: 'olmo3',
    sliding_window: 4,
    layer_types: ['sliding_attention', 'full_attention'],
    rope_scaling: { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 16 },
  },
  SmolLM3: { ...llama, model_type: 'smollm3', no_rope_layers: [1, 0] },
  Granite: {
    ...llama,
    model_type: 'granite',
    embedding_multiplier: 3,
    attention_multiplier: 0.3,
    residual_multiplier: 0.6,
    logits_scaling: 2.5,
  },
  'GPT-2': {
    model_type: 'gpt2',
    vocab_size: 19,
    n_embd: 16,
    n_inner: null,
    n_layer: 2,
    n_head: 4,
    n_positions: 64,
    layer_norm_epsilon: 1e-5,
    activation_function: 'gelu_new',
    bos_token_id: 2,
    eos_token_id: 2,
  },
};

/** Writes a checkpoint of one of the examples. */
export function writeArchitecture(directory: string, name: string): Promise<readonly NamedTensor[]> {
  return writeRandomCheckpoint(directory, required(exampleConfigs[name], `an example called ${name}`));
}

/** Writes a config.json and random weights, which are large enough that the distributions are far from uniform. */
export async function writeRandomCheckpoint(
  directory: string,
  json: Readonly<Record<string, unknown>>,
  options?: ModelOptions,
): Promise<readonly NamedTensor[]> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'config.json'), JSON.stringify(json));
  const config = await readDecoderConfig(directory, options);
  const tensors = decoderTensors(config).map(({ name, shape, role }, index) => {
    const noise = philoxNormal(sizeOf(shape), 1, index, 0.4);
    return { name, shape, data: role === 'gain' ? noise.map((x) => neutralGain(config) + x) : noise };
  });
  await writeSafetensors(join(directory, 'model.safetensors'), tensors);
  return tensors;
}
