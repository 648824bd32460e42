/** Gemma 3 without a vision tower: Gemma 2 with norms over heads, and other rotary positions in layers with a window. */
import { neutral } from '../knownKeys.js';
import { defineArchitecture } from './architecture.js';
import { gemmaKeys, gemmaNames, gemmaParts } from './gemmaFamily.js';
import { activation, extent, positive } from './keys.js';
import { attentionByType, fullEvery, layerTypes } from './layerTypes.js';
import { gatedDecoder, queryKeyNorms } from './llamaFamily.js';
import { readRotaryByType, rotaryKeysByType } from './rotaryKeys.js';

export const gemma3 = defineArchitecture({
  modelType: 'gemma3_text',
  names: { ...gemmaNames, classifier: 'Gemma3TextForSequenceClassification', queryKeyNorms },
  keys: gemmaKeys.extend({
    ...rotaryKeysByType,
    rope_local_base_freq: positive.default(10_000), // in older files, the base in layers with a window
    hidden_activation: activation('gelu_pytorch_tanh'),
    num_key_value_heads: extent.default(4),
    max_position_embeddings: extent.default(131_072),
    query_pre_attn_scalar: positive.default(256),
    sliding_window: extent.nullable().default(4096),
    sliding_window_pattern: extent.default(6),
    layer_types: layerTypes.nullish(),
    final_logit_softcapping: positive.nullish(),
  }),
  harmless: ['hidden_act', '_sliding_window_pattern'], // transformers reads hidden_activation and sliding_window_pattern
  neutral: { attn_logit_softcapping: neutral('transformers does not cap the scores of Gemma 3', null) },
  decoder: (keys, report) => {
    const { num_hidden_layers: layers, head_dim: headWidth, max_position_embeddings: context } = keys;
    const thetas = { full: 1_000_000, sliding: keys.rope_local_base_freq };
    const { context: longest, ...turned } = readRotaryByType(keys, thetas, { headWidth, context }, report);
    const parts = { ...turned, window: keys.sliding_window ?? undefined, scale: keys.query_pre_attn_scalar ** -0.5 };
    const types = keys.layer_types ?? fullEvery(keys.sliding_window_pattern, layers);
    const attention = attentionByType(types, parts, layers, report);
    return {
      ...gatedDecoder(keys, { attention, headWidth, context: longest, activation: keys.hidden_activation }, report),
      ...gemmaParts(keys),
      ...(keys.final_logit_softcapping && { logitCap: keys.final_logit_softcapping }),
    };
  },
});
