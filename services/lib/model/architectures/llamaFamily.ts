/** The common parts of Llama and its successors: RMSNorm, rotary positions, SwiGLU, and most config.json keys. */
import { z } from 'zod';
import type { RotaryPositions, RotaryScaling, TensorNames } from '../decoderConfig.js';
import type { DecoderShape, Report } from './architecture.js';
import { extent, flag, only, positive } from './keys.js';

export const llamaNames: TensorNames = {
  classPrefix: 'Llama',
  trunk: 'model.',
  embedding: 'embed_tokens.weight',
  layers: 'layers',
  attentionNorm: 'input_layernorm',
  queryKeyValue: ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'],
  attentionOutput: 'self_attn.o_proj',
  feedForwardNorm: 'post_attention_layernorm',
  feedForwardIn: ['mlp.gate_proj', 'mlp.up_proj'],
  feedForwardOut: 'mlp.down_proj',
  finalNorm: 'norm',
  head: 'lm_head.weight',
  inOut: false,
  buffers: /\.rotary_emb\.inv_freq$/,
};

const scalingKeys = z.object({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  rope_theta: positive.optional(),
  factor: positive.optional(),
  low_freq_factor: positive.optional(),
  high_freq_factor: positive.optional(),
  original_max_position_embeddings: extent.optional(),
});

/** The keys of config.json that the family has in common. */
export const llamaKeys = z.object({
  hidden_act: z.enum(['silu', 'swish'], { error: "must be 'silu'" }).optional(),
  vocab_size: extent,
  hidden_size: extent,
  intermediate_size: extent,
  num_hidden_layers: extent,
  num_attention_heads: extent,
  num_key_value_heads: extent,
  head_dim: extent.nullish(),
  max_position_embeddings: extent,
  rms_norm_eps: positive,
  rope_theta: positive.optional(),
  rope_scaling: scalingKeys.nullish(),
  rope_parameters: scalingKeys.nullish(),
  partial_rotary_factor: only(1),
  tie_word_embeddings: flag.optional(),
});

type LlamaKeys = Omit<z.output<typeof llamaKeys>, 'num_key_value_heads'> & {
  readonly num_key_value_heads?: number | null | undefined;
};

/** Reads a decoder of the family, without biases and with full attention in every layer. */
export function llamaDecoder(keys: LlamaKeys, report: Report): DecoderShape {
  const heads = keys.num_attention_heads;
  const keyValueHeads = keys.num_key_value_heads ?? heads;
  const rotary = rotaryPositions(keys, report);
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
    headWidth: keys.head_dim ?? keys.hidden_size / heads,
    context: keys.max_position_embeddings,
    norm: 'rms',
    epsilon: keys.rms_norm_eps,
    rotary,
    windows: new Array<undefined>(keys.num_hidden_layers).fill(undefined),
    biases: { queryKeyValue: false, attentionOutput: false, feedForward: false },
    activation: 'swiglu',
    tiedEmbeddings: keys.tie_word_embeddings ?? false,
  };
}

function rotaryPositions(keys: LlamaKeys, report: Report): RotaryPositions {
  const theta = keys.rope_parameters?.rope_theta ?? keys.rope_theta ?? 10000;
  const key = keys.rope_parameters ? 'rope_parameters' : 'rope_scaling';
  const scaling = rotaryScaling(key, keys[key] ?? {}, report);
  return { theta, ...(scaling && { scaling }) };
}

function rotaryScaling(key: string, keys: z.output<typeof scalingKeys>, report: Report): RotaryScaling | undefined {
  const kind = keys.rope_type ?? keys.type ?? 'default';
  const { factor, low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: context } = keys;
  switch (kind) {
    case 'default':
      return undefined;
    case 'linear':
      if (factor !== undefined) return { kind, factor };
      report(`${key} 'linear' needs factor`);
      return undefined;
    case 'llama3':
      if (factor !== undefined && low !== undefined && high !== undefined && context !== undefined && low < high) {
        return { kind, factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContext: context };
      }
      report(
        `${key} 'llama3' needs factor, low_freq_factor below high_freq_factor, and original_max_position_embeddings`,
      );
      return undefined;
    default:
      report(`${key} '${kind}' is not supported; 'linear' and 'llama3' are`);
      return undefined;
  }
}
