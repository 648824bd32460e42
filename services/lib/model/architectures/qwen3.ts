/** Qwen3: a norm over each head of queries and keys. */
import { defineArchitecture } from './architecture.js';
import { extent, flag } from './keys.js';
import { llamaNames } from './llamaFamily.js';
import { qwenDecoder, qwenKeys } from './qwenFamily.js';

export const qwen3 = defineArchitecture({
  modelType: 'qwen3',
  names: {
    ...llamaNames,
    classPrefix: 'Qwen3',
    queryKeyNorms: { queries: 'self_attn.q_norm', keys: 'self_attn.k_norm' },
  },
  keys: qwenKeys.extend({ head_dim: extent.default(128), attention_bias: flag.optional() }),
  decoder: (keys, report) => {
    const bias = keys.attention_bias ?? false;
    return {
      ...qwenDecoder(keys, report),
      biases: { queryKeyValue: bias, attentionOutput: bias, feedForward: false },
    };
  },
});
