/**
 * OLMo 2 and 3: norms on the output of each branch instead of its input, and norms over whole queries and keys.
 */
import { defineArchitecture } from './architecture.js';
import { extent, flag, positive } from './keys.js';
import { attentionByType, fullEvery, layerTypes } from './layerTypes.js';
import {
  biasesOf,
  gatedDecoder,
  headWidthOf,
  llamaDecoder,
  llamaKeys,
  queryKeyNorms,
  trunkNames,
} from './llamaFamily.js';
import { readRotaryByType, rotaryKeysByType } from './rotaryKeys.js';

const olmoNames = {
  ...trunkNames,
  attentionOutputNorm: 'post_attention_layernorm',
  feedForwardOutputNorm: 'post_feedforward_layernorm',
  queryKeyNorms,
};

const olmoKeys = llamaKeys.extend({
  attention_bias: flag.optional(),
  rms_norm_eps: positive.default(1e-5),
});

export const olmo2 = defineArchitecture({
  modelType: 'olmo2',
  names: { ...olmoNames, classifier: 'Olmo2ForSequenceClassification' },
  keys: olmoKeys,
  decoder: (keys, report) => ({
    ...llamaDecoder(keys, report),
    queryKeyNormOver: 'projection',
    biases: biasesOf(keys),
  }),
});

/** OLMo 3: windows in three layers of four, and scaled rotary positions in the others. */
export const olmo3 = defineArchitecture({
  modelType: 'olmo3',
  names: { ...olmoNames, classifier: 'Olmo3ForSequenceClassification' },
  keys: olmoKeys.extend({
    ...rotaryKeysByType,
    sliding_window: extent.nullable().default(4096),
    layer_types: layerTypes.nullish(),
  }),
  decoder: (keys, report) => {
    const { num_hidden_layers: layers, max_position_embeddings: context } = keys;
    const headWidth = headWidthOf(keys);
    const thetas = { full: 500_000, sliding: 500_000 }; // rope_theta is that of full attention
    const { context: longest, ...turned } = readRotaryByType(keys, thetas, { headWidth, context }, report);
    const parts = { ...turned, window: keys.sliding_window ?? undefined, scale: 1 / Math.sqrt(headWidth) };
    const attention = attentionByType(keys.layer_types ?? fullEvery(4, layers), parts, layers, report);
    return {
      ...gatedDecoder(keys, { attention, headWidth, context: longest, activation: keys.hidden_act }, report),
      queryKeyNormOver: 'projection',
      biases: biasesOf(keys),
      tiedEmbeddings: keys.tie_word_embeddings ?? false,
    };
  },
});
