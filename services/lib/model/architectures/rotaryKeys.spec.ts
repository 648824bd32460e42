import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { rotaryFactor, rotaryFrequencies } from '../rotaryPositions.js';
import { decoderOf } from './architecture.js';
import { gemma3 } from './gemma3.js';
import { olmo3 } from './olmo2.js';
import { type Rotary, type RotaryContext, readRotary } from './rotaryKeys.js';

const about: RotaryContext = { name: 'rope_scaling', theta: 10_000, headWidth: 8, context: 64 };

/** Reads keys and returns their problems too. */
function read(
  keys: Parameters<typeof readRotary>[0],
  changes: Partial<RotaryContext> = {},
): Rotary & { readonly problems: readonly string[] } {
  const problems: string[] = [];
  return { ...readRotary(keys, { ...about, ...changes }, (problem) => problems.push(problem)), problems };
}

describe('rotary positions', () => {
  test('are plain without keys, and with dynamic scaling up to the context', () => {
    const plain = { width: 8, theta: 10_000 };
    assert.deepEqual(read({}), { positions: plain, context: 64, problems: [] });
    assert.deepEqual(read({ type: 'dynamic', factor: 4 }), { positions: plain, context: 64, problems: [] });
    assert.deepEqual(read({ rope_theta: 500 }).positions, { width: 8, theta: 500 });
  });

  test('with LongRoPE have the short factors, and end at the context of pretraining', () => {
    const keys = { type: 'longrope', short_factor: [1, 2, 4, 8], long_factor: [2, 4, 8, 16] };
    const { positions, context, problems } = read(keys, { originalContext: 16 });
    assert.deepEqual([context, problems], [16, []]);
    const plain = rotaryFrequencies({ width: 8, theta: 10_000 });
    assert.deepEqual(
      rotaryFrequencies(positions),
      plain.map((frequency, i) => frequency / 2 ** i),
    );
    assert.equal(rotaryFactor(positions), Math.sqrt(1 + Math.log(4) / Math.log(16)));
    assert.equal(rotaryFactor(read({ ...keys, attention_factor: 1.5 }).positions), 1.5);
    assert.match(
      read({ ...keys, short_factor: [1, 2] }).problems.join(),
      /short_factor has 2 factors for 4 frequencies/,
    );
    assert.match(read({ type: 'longrope' }).problems.join(), /'longrope' needs short_factor/);
  });

  test('with YaRN keep fast frequencies, divide slow ones, and scale queries and keys', () => {
    const { positions } = read({ rope_type: 'yarn', factor: 4, original_max_position_embeddings: 32 });
    const plain = rotaryFrequencies({ width: 8, theta: 10_000 });
    const scaled = rotaryFrequencies(positions);
    assert.equal(scaled[0], plain[0]);
    assert.equal(scaled[3], (plain[3] as number) / 4);
    assert.equal(rotaryFactor(positions), 0.1 * Math.log(4) + 1);
    const ratio = read({ type: 'yarn', factor: 4, mscale: 1, mscale_all_dim: 1 });
    assert.equal(rotaryFactor(ratio.positions), 1);
  });

  test('of a part of each head are refused where the architecture turns whole heads', () => {
    assert.match(
      read({ partial_rotary_factor: 0.5 }).problems.join(),
      /partial_rotary_factor is 0.5; this architecture/,
    );
    assert.equal(read({ partial_rotary_factor: 0.5 }, { partial: 1 }).positions.width, 4);
    assert.equal(read({}, { partial: 0.75 }).positions.width, 6);
  });

  test('of layers with a window have a base of their own in Gemma 3 alone, as in transformers', () => {
    const sizes = {
      vocab_size: 19,
      hidden_size: 16,
      intermediate_size: 24,
      num_hidden_layers: 2,
      num_attention_heads: 4,
    };
    const json = { ...sizes, num_key_value_heads: 2, head_dim: 4, eos_token_id: 2, rope_local_base_freq: 50 };
    const [first] = decoderOf(gemma3, { ...json, model_type: 'gemma3_text' }, 'config.json').attention;
    assert.equal(first?.rotary?.theta, 50);
    assert.throws(
      () => decoderOf(olmo3, { ...json, model_type: 'olmo3', head_dim: null }, 'config.json'),
      /unknown key rope_local_base_freq \(50\)/,
    );
  });

  test('of an unknown kind, or with unknown keys, are refused by name', () => {
    assert.match(read({ type: 'ntk' }).problems.join(), /rope_scaling 'ntk' is not supported; 'linear', 'dynamic'/);
    assert.match(read({ type: 'dynamic', alpha: 1000 }).problems.join(), /unknown key rope_scaling\.alpha \(1000\)/);
    assert.match(read({ type: 'linear' }).problems.join(), /'linear' needs factor/);
  });
});
