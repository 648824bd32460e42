/** The common parts of Llama and its successors: RMSNorm, rotary positions, SwiGLU, and most config.json keys. */
import { z } from 'zod';
import type { TensorNames } from '../decoderConfig.js';
import { checkKeys } from '../knownKeys.js';
import type { RotaryPositions, RotaryScaling } from '../rotaryPositions.js';
import { type DecoderShape, type Report, everyLayer } from './architecture.js';
import { extent, flag, layerCount, only, positive } from './keys.js';

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
  buffers: /(^|\.)rotary_emb\.(inv_freq|original_inv_freq|cos_cached|sin_cached)$/,
};

/** The keys of rope_parameters, which older versions of transformers call rope_scaling. */
const ropeKeys = z.looseObject({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  rope_theta: positive.optional(),
  factor: positive.optional(),
  low_freq_factor: positive.optional(),
  high_freq_factor: positive.optional(),
  original_max_position_embeddings: extent.optional(),
});

/** The base of the frequencies if config.json has none. */
const defaultTheta = 10_000;

/** The keys of config.json that the family has in common. Defaults are those of transformers' LlamaConfig. */
export const llamaKeys = z.object({
  hidden_act: z.enum(['silu', 'swish'], { error: "must be 'silu'" }).optional(),
  vocab_size: extent,
  hidden_size: extent,
  intermediate_size: extent,
  num_hidden_layers: layerCount,
  num_attention_heads: extent,
  num_key_value_heads: extent.nullish(),
  head_dim: extent.nullish(),
  max_position_embeddings: extent.default(2048),
  rms_norm_eps: positive.default(1e-6),
  rope_theta: positive.optional(),
  rope_scaling: ropeKeys.nullish(),
  rope_parameters: ropeKeys.nullish(),
  partial_rotary_factor: only(1),
  tie_word_embeddings: flag.optional(),
});

type LlamaKeys = z.output<typeof llamaKeys>;

/** Reads a decoder of the family, without biases and with full attention in every layer. */
export function llamaDecoder(keys: LlamaKeys, report: Report): DecoderShape {
  const heads = keys.num_attention_heads;
  const keyValueHeads = keys.num_key_value_heads ?? heads;
  const headWidth = keys.head_dim ?? keys.hidden_size / heads;
  const rotary = rotaryPositions(keys, headWidth, report);
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
    headWidth,
    context: keys.max_position_embeddings,
    norm: 'rms',
    epsilon: keys.rms_norm_eps,
    attention: everyLayer(keys.num_hidden_layers, { window: undefined, rotary, scale: 1 / Math.sqrt(headWidth) }),
    biases: { queryKeyValue: false, attentionOutput: false, feedForward: false },
    activation: 'silu',
    gated: true,
    tiedEmbeddings: keys.tie_word_embeddings ?? false,
  };
}

/**
 * Reads rotary positions as transformers does: rope_scaling, unless it is empty, replaces rope_parameters, and rope_theta
 * inside of it replaces the one beside it.
 */
function rotaryPositions(keys: LlamaKeys, width: number, report: Report): RotaryPositions {
  const isOld = Object.keys(keys.rope_scaling ?? {}).length > 0;
  const name = isOld ? 'rope_scaling' : 'rope_parameters';
  const rope = keys[name] ?? {};
  const { problems } = checkKeys(
    rope,
    { used: Object.keys(ropeKeys.shape), harmless: [], neutral: {} },
    {},
    `${name}.`,
  );
  problems.forEach(report);
  const scaling = rotaryScaling(name, rope, keys.max_position_embeddings, report);
  return { width, theta: rope.rope_theta ?? keys.rope_theta ?? defaultTheta, ...(scaling && { scaling }) };
}

/** Returns the scaling that an object of rotary keys describes. The context of pretraining defaults to the model's. */
function rotaryScaling(
  name: string,
  keys: z.output<typeof ropeKeys>,
  context: number,
  report: Report,
): RotaryScaling | undefined {
  const kind = keys.rope_type ?? keys.type ?? 'default';
  const { factor, low_freq_factor: low, high_freq_factor: high } = keys;
  switch (kind) {
    case 'default':
      return undefined;
    case 'linear':
      if (factor !== undefined) return { kind, factor };
      report(`${name} 'linear' needs factor`);
      return undefined;
    case 'llama3':
      if (factor !== undefined && low !== undefined && high !== undefined && low < high) {
        const originalContext = keys.original_max_position_embeddings ?? context;
        return { kind, factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContext };
      }
      report(`${name} 'llama3' needs factor, and low_freq_factor below high_freq_factor`);
      return undefined;
    default:
      report(`${name} '${kind}' is not supported; 'linear' and 'llama3' are`);
      return undefined;
  }
}

/** The types of attention that layer_types can name. */
export const layerTypes = z.array(
  z.enum(['full_attention', 'sliding_attention'], { error: "must be 'full_attention' or 'sliding_attention'" }),
);

/** Returns each layer's window, by the types that config.json lists. */
export function windowsOf(
  types: z.output<typeof layerTypes>,
  window: number | undefined,
  layers: number,
  report: Report,
): readonly (number | undefined)[] {
  if (types.length !== layers) report(`layer_types has ${types.length} entries for num_hidden_layers ${layers}`);
  if (window === undefined && types.includes('sliding_attention')) {
    report("layer_types has 'sliding_attention', but there is no sliding window");
  }
  return types.map((type) => (type === 'sliding_attention' ? window : undefined));
}
