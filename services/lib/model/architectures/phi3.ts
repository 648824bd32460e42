/** Phi-3 to Phi-4: fused maps, a window in every layer, and LongRoPE on all or some channels of a head. */
import { neutral } from '../knownKeys.js';
import { defineArchitecture, everyLayer } from './architecture.js';
import { extent, positive } from './keys.js';
import { gatedDecoder, headWidthOf, llamaKeys, llamaNames } from './llamaFamily.js';
import { readRotary, ropeOf } from './rotaryKeys.js';

export const phi3 = defineArchitecture({
  modelType: 'phi3',
  names: {
    ...llamaNames,
    classifier: 'Phi3ForSequenceClassification',
    queryKeyValue: ['self_attn.qkv_proj'],
    feedForwardIn: ['mlp.gate_up_proj'],
  },
  keys: llamaKeys.extend({
    max_position_embeddings: extent.default(4096),
    original_max_position_embeddings: extent.default(4096),
    partial_rotary_factor: positive.max(1).default(1),
    rms_norm_eps: positive.default(1e-5),
    sliding_window: extent.nullish(),
  }),
  neutral: {
    attention_bias: neutral('there are no biases', false),
    full_attn_mod: neutral('every layer has the same window', 1),
    interpolate_factor: neutral('rope_scaling describes the scaling', 1),
    lm_head_bias: neutral('there are no biases', false),
    mlp_bias: neutral('there are no biases', false),
  },
  decoder: (keys, report) => {
    const { num_hidden_layers: layers, max_position_embeddings: context } = keys;
    const headWidth = headWidthOf(keys);
    const { name, rope } = ropeOf(keys);
    const { positions: rotary, context: longest } = readRotary(
      { ...rope, rope_type: phiType(rope.rope_type ?? rope.type ?? 'default') },
      {
        name,
        theta: keys.rope_theta ?? 10_000,
        headWidth,
        context,
        originalContext: keys.original_max_position_embeddings,
        partial: keys.partial_rotary_factor,
      },
      report,
    );
    const attends = { window: keys.sliding_window ?? undefined, rotary, scale: 1 / Math.sqrt(headWidth) };
    const attention = everyLayer(layers, attends);
    return {
      ...gatedDecoder(keys, { attention, headWidth, context: longest, activation: keys.hidden_act }, report),
      tiedEmbeddings: keys.tie_word_embeddings ?? false,
    };
  },
});

/** The type of rotary positions. The first releases of Phi-3 use other names for LongRoPE. */
function phiType(type: string): string {
  return type === 'su' || type === 'yarn' ? 'longrope' : type;
}
