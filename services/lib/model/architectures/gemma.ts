/** Gemma 1: one norm before attention and one before the feed-forward layer. */
import { neutral } from '../knownKeys.js';
import { defineArchitecture } from './architecture.js';
import { gemmaKeys, gemmaParts } from './gemmaFamily.js';
import { activation, extent } from './keys.js';
import { llamaDecoder, llamaNames } from './llamaFamily.js';

export const gemma = defineArchitecture({
  modelType: 'gemma',
  names: { ...llamaNames, classifier: 'GemmaForSequenceClassification' },
  keys: gemmaKeys.extend({
    hidden_act: activation('gelu_pytorch_tanh'),
    num_key_value_heads: extent.default(16),
    max_position_embeddings: extent.default(8192),
  }),
  neutral: { hidden_activation: neutral('the activation is hidden_act', null, 'gelu_pytorch_tanh') },
  decoder: (keys, report) => ({
    ...llamaDecoder(keys, report),
    ...gemmaParts(keys),
    // The first releases name exact GELU, and mean its tanh approximation.
    activation: keys.hidden_act === 'gelu' ? 'geluTanh' : keys.hidden_act,
  }),
});
