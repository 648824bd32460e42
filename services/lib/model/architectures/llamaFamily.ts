/** The common parts of Llama and its successors: RMSNorm, rotary positions, SwiGLU, and most config.json keys. */
import { z } from 'zod';
import type { Biases, TensorNames } from '../decoderConfig.js';
import { type DecoderShape, type Report, everyLayer } from './architecture.js';
import { activation, extent, flag, layerCount, only, positive } from './keys.js';
import { readRotary, ropeOf, rotaryKeys } from './rotaryKeys.js';

/** The base of the frequencies if config.json has none. */
const defaultTheta = 10_000;

/**
 * The names of everything except the norms of a layer's inputs and outputs, in which the family's members differ.
 */
export const trunkNames: TensorNames = {
  trunk: 'model.',
  embedding: 'embed_tokens.weight',
  layers: 'layers',
  queryKeyValue: ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'],
  attentionOutput: 'self_attn.o_proj',
  feedForwardIn: ['mlp.gate_proj', 'mlp.up_proj'],
  feedForwardOut: 'mlp.down_proj',
  finalNorm: 'norm',
  head: 'lm_head.weight',
  inOut: false,
  buffers: /(^|\.)rotary_emb\.(inv_freq|original_inv_freq|cos_cached|sin_cached)$/,
};

export const llamaNames: TensorNames = {
  ...trunkNames,
  attentionNorm: 'input_layernorm',
  feedForwardNorm: 'post_attention_layernorm',
};

/** The names of query and key norms, for members of the family that have them. */
export const queryKeyNorms = { queries: 'self_attn.q_norm', keys: 'self_attn.k_norm' };

/** The keys of config.json that the family has in common. Defaults are those of transformers' LlamaConfig. */
export const llamaKeys = z.object({
  hidden_act: activation('silu'),
  vocab_size: extent,
  hidden_size: extent,
  intermediate_size: extent,
  num_hidden_layers: layerCount,
  num_attention_heads: extent,
  num_key_value_heads: extent.nullish(),
  head_dim: extent.nullish(),
  max_position_embeddings: extent.default(2048),
  rms_norm_eps: positive.default(1e-6),
  ...rotaryKeys,
  partial_rotary_factor: only(1),
  tie_word_embeddings: flag.optional(),
});

/** The keys of config.json from which every decoder with rotary positions, RMSNorm and a gate is read. */
type GatedKeys = Omit<
  z.output<typeof llamaKeys>,
  keyof typeof rotaryKeys | 'hidden_act' | 'partial_rotary_factor' | 'tie_word_embeddings'
>;

/** The parts of a decoder of the family other than its sizes. */
type GatedParts = Pick<DecoderShape, 'attention' | 'headWidth' | 'context' | 'activation'>;

/** Reads a decoder of the family, without biases and with full attention in every layer. */
export function llamaDecoder(keys: z.output<typeof llamaKeys>, report: Report, theta = defaultTheta): DecoderShape {
  const headWidth = headWidthOf(keys);
  const { name, rope } = ropeOf(keys);
  const about = { name, theta: keys.rope_theta ?? theta, headWidth, context: keys.max_position_embeddings };
  const { positions: rotary, context } = readRotary(rope, about, report);
  const attention = everyLayer(keys.num_hidden_layers, { window: undefined, rotary, scale: 1 / Math.sqrt(headWidth) });
  return {
    ...gatedDecoder(keys, { attention, headWidth, context, activation: keys.hidden_act }, report),
    tiedEmbeddings: keys.tie_word_embeddings ?? false,
  };
}

/** Returns the channels of a head. */
export function headWidthOf(keys: Pick<GatedKeys, 'head_dim' | 'hidden_size' | 'num_attention_heads'>): number {
  return keys.head_dim ?? keys.hidden_size / keys.num_attention_heads;
}

/** Returns a decoder with RMSNorms, a gate, no biases, and a separate output projection. */
export function gatedDecoder(keys: GatedKeys, parts: GatedParts, report: Report): DecoderShape {
  const { num_attention_heads: heads } = keys;
  const keyValueHeads = keys.num_key_value_heads ?? heads;
  if (heads % keyValueHeads !== 0) {
    report(`num_attention_heads ${heads} is not a multiple of num_key_value_heads ${keyValueHeads}`);
  }
  return {
    vocabulary: keys.vocab_size,
    width: keys.hidden_size,
    feedForward: keys.intermediate_size,
    layers: keys.num_hidden_layers,
    heads,
    keyValueHeads,
    norm: 'rms',
    epsilon: keys.rms_norm_eps,
    biases: { queryKeyValue: false, attentionOutput: false, feedForward: false },
    gated: true,
    ...parts,
    tiedEmbeddings: false,
  };
}

/** Returns the biases specified in config.json. */
export function biasesOf(keys: {
  readonly attention_bias?: boolean | undefined;
  readonly mlp_bias?: boolean | undefined;
}): Biases {
  const { attention_bias: attention = false, mlp_bias: feedForward = false } = keys;
  return { queryKeyValue: attention, attentionOutput: attention, feedForward };
}
