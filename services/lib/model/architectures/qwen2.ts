/** Qwen2 and Qwen2.5: biases on queries, keys and values. */
import { defineArchitecture } from './architecture.js';
import { llamaNames } from './llamaFamily.js';
import { qwenDecoder, qwenKeys } from './qwenFamily.js';

export const qwen2 = defineArchitecture({
  modelType: 'qwen2',
  names: { ...llamaNames, classifier: 'Qwen2ForSequenceClassification' },
  keys: qwenKeys,
  harmless: ['attention_bias'], // queries, keys and values always have one, and the output never
  decoder: (keys, report) => ({
    ...qwenDecoder(keys, report),
    biases: { queryKeyValue: true, attentionOutput: false, feedForward: false },
  }),
});
