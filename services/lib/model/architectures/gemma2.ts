/** Gemma 2: norms before and after each branch, windows in every other layer, soft caps on scores and logits. */
import { defineArchitecture } from './architecture.js';
import { gemmaKeys, gemmaNames, gemmaParts } from './gemmaFamily.js';
import { activation, extent, positive } from './keys.js';
import { attentionByType, fullEvery, layerTypes } from './layerTypes.js';
import { gatedDecoder } from './llamaFamily.js';
import { readRotary, ropeOf } from './rotaryKeys.js';

export const gemma2 = defineArchitecture({
  modelType: 'gemma2',
  names: { ...gemmaNames, classifier: 'Gemma2ForSequenceClassification' },
  keys: gemmaKeys.extend({
    hidden_activation: activation('gelu_pytorch_tanh'),
    num_key_value_heads: extent.default(4),
    max_position_embeddings: extent.default(8192),
    query_pre_attn_scalar: positive.default(256),
    sliding_window: extent.nullable().default(4096),
    layer_types: layerTypes.nullish(),
    attn_logit_softcapping: positive.nullable().default(50),
    final_logit_softcapping: positive.nullable().default(30),
  }),
  harmless: ['hidden_act', 'sliding_window_size'], // transformers reads hidden_activation and sliding_window
  decoder: (keys, report) => {
    const { num_hidden_layers: layers, head_dim: headWidth, max_position_embeddings: context } = keys;
    const { name, rope } = ropeOf(keys);
    const rotary = readRotary(rope, { name, theta: keys.rope_theta ?? 10_000, headWidth, context }, report);
    const turned = { full: rotary.positions, sliding: rotary.positions };
    const parts = { ...turned, window: keys.sliding_window ?? undefined, scale: keys.query_pre_attn_scalar ** -0.5 };
    const attention = attentionByType(keys.layer_types ?? fullEvery(2, layers), parts, layers, report);
    return {
      ...gatedDecoder(
        keys,
        { attention, headWidth, context: rotary.context, activation: keys.hidden_activation },
        report,
      ),
      ...gemmaParts(keys),
      ...(keys.attn_logit_softcapping !== null && { scoreCap: keys.attn_logit_softcapping }),
      ...(keys.final_logit_softcapping !== null && { logitCap: keys.final_logit_softcapping }),
    };
  },
});
