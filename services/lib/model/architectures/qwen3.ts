/** Qwen3: a norm over each head of queries and keys. */
import { defineArchitecture } from './architecture.js';
import { extent, flag } from './keys.js';
import { biasesOf, llamaNames, queryKeyNorms } from './llamaFamily.js';
import { qwenDecoder, qwenKeys } from './qwenFamily.js';

export const qwen3 = defineArchitecture({
  modelType: 'qwen3',
  names: { ...llamaNames, classifier: 'Qwen3ForSequenceClassification', queryKeyNorms },
  keys: qwenKeys.extend({ head_dim: extent.default(128), attention_bias: flag.optional() }),
  decoder: (keys, report) => ({ ...qwenDecoder(keys, report), biases: biasesOf(keys) }),
});
