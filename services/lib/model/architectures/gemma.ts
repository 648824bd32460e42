/** Gemma 1: one norm before attention and one before the feed-forward layer. */
import { z } from 'zod';
import { neutral } from '../knownKeys.js';
import { defineArchitecture } from './architecture.js';
import { gemmaKeys, gemmaParts } from './gemmaFamily.js';
import { activation, extent } from './keys.js';
import { llamaDecoder, llamaNames } from './llamaFamily.js';

const tanhGelu = 'gelu_pytorch_tanh';

export const gemma = defineArchitecture({
  modelType: 'gemma',
  names: { ...llamaNames, classifier: 'GemmaForSequenceClassification' },
  keys: gemmaKeys.extend({
    // The first releases say exact GELU but mean its tanh approximation. The other names mean what they say.
    hidden_act: z.preprocess((name) => (name === 'gelu' ? tanhGelu : name), activation(tanhGelu)),
    num_key_value_heads: extent.default(16),
    max_position_embeddings: extent.default(8192),
  }),
  neutral: { hidden_activation: neutral('the activation is hidden_act', null, tanhGelu) },
  decoder: (keys, report) => ({
    ...llamaDecoder(keys, report),
    ...gemmaParts(keys),
  }),
});
