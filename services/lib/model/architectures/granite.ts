/** Granite 3: Llama with factors on embeddings, scores, residual branches and logits. */
import { defineArchitecture } from './architecture.js';
import { flag, positive } from './keys.js';
import { biasesOf, llamaDecoder, llamaKeys, llamaNames } from './llamaFamily.js';

export const granite = defineArchitecture({
  modelType: 'granite',
  names: llamaNames,
  keys: llamaKeys.extend({
    attention_bias: flag.optional(),
    mlp_bias: flag.optional(),
    embedding_multiplier: positive.default(1),
    attention_multiplier: positive.default(1),
    residual_multiplier: positive.default(1),
    logits_scaling: positive.default(1),
  }),
  decoder: (keys, report) => {
    const shape = llamaDecoder(keys, report);
    return {
      ...shape,
      attention: shape.attention.map((own) => ({ ...own, scale: keys.attention_multiplier })),
      biases: biasesOf(keys),
      embeddingScale: keys.embedding_multiplier,
      residualScale: keys.residual_multiplier,
      logitScale: 1 / keys.logits_scaling,
    };
  },
});
