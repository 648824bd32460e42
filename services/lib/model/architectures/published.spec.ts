/** The config.json of published models, without the common keys: each is read, and its parameters are counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { required } from '@gapo/numeric';
import { decoderTensors } from '../decoderLayout.js';
import { sizeOf } from '../weights/tensors.js';
import { decoderOf } from './architecture.js';
import { architectures } from './registry.js';

const published: Readonly<
  Record<string, { readonly parameters: number; readonly json: Readonly<Record<string, unknown>> }>
> = {
  'google/gemma-2-2b': {
    parameters: 2_614_341_888,
    json: {
      attention_bias: false,
      attn_logit_softcapping: 50,
      cache_implementation: 'hybrid',
      eos_token_id: 1,
      final_logit_softcapping: 30,
      head_dim: 256,
      hidden_act: 'gelu_pytorch_tanh',
      hidden_activation: 'gelu_pytorch_tanh',
      hidden_size: 2304,
      intermediate_size: 9216,
      max_position_embeddings: 8192,
      model_type: 'gemma2',
      num_attention_heads: 8,
      num_hidden_layers: 26,
      num_key_value_heads: 4,
      query_pre_attn_scalar: 256,
      rms_norm_eps: 1e-6,
      rope_theta: 10000,
      sliding_window: 4096,
      vocab_size: 256000,
    },
  },
  'google/gemma-3-1b-it': {
    parameters: 999_885_952,
    json: {
      attention_bias: false,
      attn_logit_softcapping: null,
      cache_implementation: 'hybrid',
      eos_token_id: [1, 106],
      final_logit_softcapping: null,
      head_dim: 256,
      hidden_activation: 'gelu_pytorch_tanh',
      hidden_size: 1152,
      intermediate_size: 6912,
      max_position_embeddings: 32768,
      model_type: 'gemma3_text',
      num_attention_heads: 4,
      num_hidden_layers: 26,
      num_key_value_heads: 1,
      query_pre_attn_scalar: 256,
      rms_norm_eps: 1e-6,
      rope_local_base_freq: 10000,
      rope_scaling: null,
      rope_theta: 1000000,
      sliding_window: 512,
      sliding_window_pattern: 6,
      vocab_size: 262144,
    },
  },
  'microsoft/Phi-3-mini-4k-instruct': {
    parameters: 3_821_079_552,
    json: {
      eos_token_id: 32000,
      hidden_act: 'silu',
      hidden_size: 3072,
      intermediate_size: 8192,
      max_position_embeddings: 4096,
      model_type: 'phi3',
      num_attention_heads: 32,
      num_hidden_layers: 32,
      num_key_value_heads: 32,
      original_max_position_embeddings: 4096,
      rms_norm_eps: 1e-5,
      rope_scaling: null,
      rope_theta: 10000,
      sliding_window: 2047,
      tie_word_embeddings: false,
      attention_bias: false,
      vocab_size: 32064,
    },
  },
  'microsoft/Phi-4-mini-instruct': {
    parameters: 3_836_021_760,
    json: {
      attention_bias: false,
      eos_token_id: 199999,
      full_attn_mod: 1,
      hidden_act: 'silu',
      hidden_size: 3072,
      intermediate_size: 8192,
      interpolate_factor: 1,
      lm_head_bias: false,
      max_position_embeddings: 131072,
      mlp_bias: false,
      model_type: 'phi3',
      num_attention_heads: 24,
      num_hidden_layers: 32,
      num_key_value_heads: 8,
      original_max_position_embeddings: 4096,
      partial_rotary_factor: 0.75,
      rms_norm_eps: 1e-5,
      rope_scaling: {
        type: 'longrope',
        short_factor: new Array<number>(48).fill(1),
        long_factor: new Array<number>(48).fill(2),
      },
      rope_theta: 10000,
      sliding_window: 262144,
      tie_word_embeddings: true,
      vocab_size: 200064,
    },
  },
  'allenai/OLMo-2-1124-7B': {
    parameters: 7_298_617_344,
    json: {
      attention_bias: false,
      eos_token_id: 100257,
      hidden_act: 'silu',
      hidden_size: 4096,
      intermediate_size: 11008,
      max_position_embeddings: 4096,
      model_type: 'olmo2',
      num_attention_heads: 32,
      num_hidden_layers: 32,
      num_key_value_heads: 32,
      rms_norm_eps: 1e-6,
      rope_scaling: null,
      rope_theta: 500000,
      tie_word_embeddings: false,
      vocab_size: 100352,
    },
  },
  'HuggingFaceTB/SmolLM3-3B': {
    parameters: 3_075_098_624,
    json: {
      attention_bias: false,
      eos_token_id: 128012,
      hidden_act: 'silu',
      hidden_size: 2048,
      intermediate_size: 11008,
      layer_types: new Array<string>(36).fill('full_attention'),
      max_position_embeddings: 65536,
      max_window_layers: 28,
      mlp_bias: false,
      model_type: 'smollm3',
      no_rope_layer_interval: 4,
      no_rope_layers: Array.from({ length: 36 }, (_, layer) => (layer % 4 === 3 ? 0 : 1)),
      num_attention_heads: 16,
      num_hidden_layers: 36,
      num_key_value_heads: 4,
      pretraining_tp: 2,
      rms_norm_eps: 1e-6,
      rope_scaling: null,
      rope_theta: 5000000,
      sliding_window: null,
      use_sliding_window: false,
      vocab_size: 128256,
    },
  },
  'ibm-granite/granite-3.1-2b-instruct': {
    parameters: 2_533_531_648,
    json: {
      attention_bias: false,
      attention_multiplier: 0.015625,
      embedding_multiplier: 12,
      eos_token_id: 0,
      hidden_act: 'silu',
      hidden_size: 2048,
      intermediate_size: 8192,
      logits_scaling: 8,
      max_position_embeddings: 131072,
      mlp_bias: false,
      model_type: 'granite',
      num_attention_heads: 32,
      num_hidden_layers: 40,
      num_key_value_heads: 8,
      residual_multiplier: 0.22,
      rms_norm_eps: 1e-5,
      rope_scaling: null,
      rope_theta: 5000000,
      tie_word_embeddings: true,
      vocab_size: 49155,
    },
  },
};

for (const [name, { parameters, json }] of Object.entries(published)) {
  test(`${name} has ${parameters} parameters`, () => {
    const architecture = architectures.find(({ modelType }) => modelType === json['model_type']);
    const config = decoderOf(required(architecture, name), json, 'config.json');
    const counted = decoderTensors(config).reduce((total, { shape }) => total + sizeOf(shape), 0);
    assert.equal(counted, parameters);
  });
}

test('LongRoPE ends the context where transformers changes all frequencies', () => {
  const { json } = required(published['microsoft/Phi-4-mini-instruct'], 'the model');
  const architecture = architectures.find(({ modelType }) => modelType === 'phi3');
  const { context, headWidth, attention } = decoderOf(required(architecture, 'phi3'), json, 'config.json');
  assert.equal(context, 4096); // of max_position_embeddings 131072
  assert.equal(headWidth, 128);
  assert.ok(attention.every(({ rotary }) => rotary?.width === 96)); // three channels of four
});
