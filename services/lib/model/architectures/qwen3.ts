/** Qwen3: a norm over each head of queries and keys. */
import { defineArchitecture } from './architecture.js';
import { extent, flag } from './keys.js';
import { llamaDecoder, llamaNames } from './llamaFamily.js';
import { qwenKeys, qwenWindows } from './qwenFamily.js';

export const qwen3 = defineArchitecture({
  modelType: 'qwen3',
  names: {
    ...llamaNames,
    classPrefix: 'Qwen3',
    headNorms: { queries: 'self_attn.q_norm', keys: 'self_attn.k_norm' },
  },
  keys: qwenKeys.extend({ head_dim: extent.default(128), attention_bias: flag.optional() }),
  decoder: (keys, report) => {
    const bias = keys.attention_bias ?? false;
    return {
      ...llamaDecoder(keys, report),
      windows: qwenWindows(keys, report),
      biases: { queryKeyValue: bias, attentionOutput: bias, feedForward: false },
    };
  },
});
