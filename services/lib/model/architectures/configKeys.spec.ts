/** The keys of config.json files as written by transformers and as found on the Hub. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { required } from '@gapo/numeric';
import { z } from 'zod';
import type { DecoderConfig } from '../decoderConfig.js';
import { ModelError } from '../errors.js';
import { checkKeys } from '../knownKeys.js';
import { decoderOf } from './architecture.js';
import { architectures } from './registry.js';

const objects = z.record(z.string(), z.unknown());
const values = new URL('../../../../../test/oracle/values/config_keys.json', import.meta.url);
/** Written by test/oracle/text/config_keys.py. */
const written = z
  .object({ config: z.record(z.string(), objects), generation: objects })
  .parse(JSON.parse(readFileSync(values, 'utf8')));

const sizes = { vocab_size: 19, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 2, num_attention_heads: 4 };

function read(json: Readonly<Record<string, unknown>>, ignoreKeys: readonly string[] = []): DecoderConfig {
  const architecture = architectures.find(({ modelType }) => modelType === json['model_type']);
  return decoderOf(required(architecture, 'the architecture'), json, 'config.json', { ignoreKeys });
}

const windows = (json: Readonly<Record<string, unknown>>): readonly (number | undefined)[] =>
  read(json).attention.map(({ window }) => window);

/** The rotary positions of a Llama, apart from their width. */
function rotary(json: Readonly<Record<string, unknown>>): object | undefined {
  const { width: _, ...rest } = required(
    read({ model_type: 'llama', ...sizes, ...json }).attention[0]?.rotary,
    'rotary',
  );
  return rest;
}

const refuses = (json: Readonly<Record<string, unknown>>, pattern: RegExp): void =>
  assert.throws(() => read({ model_type: 'llama', ...sizes, ...json }), pattern);

describe('config.json', () => {
  for (const [modelType, json] of Object.entries(written.config)) {
    test(`of ${modelType} has no key that is unknown, with transformers’ defaults`, () => {
      const { known } = required(
        architectures.find((one) => one.modelType === modelType),
        modelType,
      );
      assert.deepEqual(checkKeys(json, known).problems, []);
    });
  }

  test('takes absent keys from transformers’ config classes', () => {
    const found = read({ model_type: 'mistral', ...sizes, num_attention_heads: 8 });
    assert.deepEqual(
      [found.keyValueHeads, found.context, found.epsilon, found.attention.map(({ window }) => window)],
      [8, 131_072, 1e-6, [4096, 4096]],
    );
    assert.equal(read({ model_type: 'llama', ...sizes }).context, 2048);
    const qwen = { model_type: 'qwen3', ...sizes, num_attention_heads: 32, use_sliding_window: true };
    assert.deepEqual([read(qwen).headWidth, windows({ ...qwen, max_window_layers: 1 })], [128, [undefined, 4096]]);
  });

  test('has the keys of older versions, of Unsloth and of MergeKit', () => {
    const json = {
      model_type: 'llama',
      ...sizes,
      _name_or_path: 'somewhere',
      _attn_implementation_autoset: true,
      attention_dropout: 0.1,
      auto_map: { AutoModelForCausalLM: 'modeling_other.OtherForCausalLM' },
      is_llama_config: true,
      max_sequence_length: 2048,
      pad_token_id: -1,
      pretraining_tp: 2,
      quantization_config: { load_in_4bit: false, load_in_8bit: false, quant_method: 'bitsandbytes' },
      repetition_penalty: 1.1,
      rope_interleaved: false,
      sliding_window: null,
      'transformers.js_config': { dtype: 'q4' },
      unsloth_version: '2025.1.1',
    };
    assert.deepEqual(read(json), read({ model_type: 'llama', ...sizes }));
  });

  test('of GPT-2 may have the names that other architectures use', () => {
    const json = { model_type: 'gpt2', vocab_size: 19, n_layer: 2, n_head: 4, n_embd: 8, n_positions: 32 };
    const found = read({ ...json, hidden_size: 16, max_position_embeddings: 64, n_ctx: 32 });
    assert.deepEqual([found.width, found.context, found.layers], [16, 64, 2]);
  });

  test('is refused by the names of keys that change the arithmetic', () => {
    refuses(
      { attn_logit_softcapping: 50 },
      /attn_logit_softcapping is not supported: attention scores are not capped, but it is 50$/,
    );
    refuses({ is_causal: false }, /is_causal is not supported: attention is causal, but it is false$/);
    refuses(
      { per_layer_config: { 0: { head_dim: 4 } } },
      /per_layer_config is not supported: all layers have the same sizes, but it is \{/,
    );
    refuses({ suppress_tokens: [3] }, /suppress_tokens is not supported: no token is forbidden, but it is \[3\]$/);
    refuses({ sliding_window: 4 }, /unknown key sliding_window \(4\), which may change .* policy\.ignoreKeys/);
    assert.ok(read({ model_type: 'llama', ...sizes, sliding_window: 4 }, ['sliding_window']));
  });

  test('is refused if the weights are quantized, by the method', () => {
    const method = (name: string): RegExp => new RegExp(`quantized by ${name}.*: gapo computes with F32, F16 and BF16`);
    refuses({ quantization_config: { quant_method: 'gptq', bits: 4 } }, method('gptq'));
    refuses({ quantization_config: { load_in_4bit: true, quant_method: 'bitsandbytes' } }, method('bitsandbytes'));
    refuses({ quantization_config: { bits: 8 } }, method('an unknown method'));
    refuses({ quantization: { bits: 4, group_size: 64 } }, method('MLX'));
  });

  test('is refused if it has more layers than any decoder', () => {
    for (const layers of [1e9, 10_001, 0, 2.5]) {
      refuses({ num_hidden_layers: layers }, /num_hidden_layers must be a whole number from 1 to 10000/);
      assert.throws(
        () => read({ model_type: 'gpt2', ...sizes, num_hidden_layers: layers }),
        (error: unknown) => error instanceof ModelError && /n_layer must be a whole number/.test(error.message),
      );
    }
  });
});

describe('rotary positions', () => {
  test('have the base of rope_scaling or rope_parameters before the one beside them', () => {
    assert.deepEqual(rotary({ rope_theta: 5, rope_scaling: { rope_type: 'default', rope_theta: 7 } }), { theta: 7 });
    assert.deepEqual(rotary({ rope_theta: 5, rope_parameters: { rope_type: 'default' } }), { theta: 5 });
    assert.deepEqual(rotary({ rope_theta: 5, rope_scaling: {}, rope_parameters: { rope_theta: 7 } }), { theta: 7 });
  });

  test('are those of rope_scaling if both are there, and rope_type counts before type', () => {
    const both = {
      rope_scaling: { type: 'linear', factor: 2 },
      rope_parameters: { rope_type: 'default', rope_theta: 7 },
    };
    assert.deepEqual(rotary(both), { theta: 10_000, scaling: { kind: 'linear', factor: 2 } });
    assert.deepEqual(rotary({ rope_scaling: { rope_type: 'default', type: 'linear', factor: 2 } }), { theta: 10_000 });
  });

  test('stretch from the model’s context if the one of pretraining is absent', () => {
    const scaling = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
    assert.deepEqual(rotary({ max_position_embeddings: 64, rope_scaling: scaling }), {
      theta: 10_000,
      scaling: { kind: 'llama3', factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 64 },
    });
  });

  test('are refused by the name of an unknown key', () => {
    refuses(
      { rope_parameters: { full_attention: { rope_theta: 7 } } },
      /unknown key rope_parameters\.full_attention \(\{"rope_theta":7\}\)/,
    );
  });
});
