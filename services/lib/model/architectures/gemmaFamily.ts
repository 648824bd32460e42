/** The common parts of Gemma 1 to 3: Llama with zero-centred norms, scaled embeddings, and GELU in the gate. */
import { type z } from 'zod';
import type { TensorNames } from '../decoderConfig.js';
import type { DecoderShape } from './architecture.js';
import { extent, flag } from './keys.js';
import { biasesOf, llamaKeys, trunkNames } from './llamaFamily.js';

/** The names of Gemma 2 and 3, with norms before and after both attention and the feed-forward layer. */
export const gemmaNames: TensorNames = {
  ...trunkNames,
  attentionNorm: 'input_layernorm',
  attentionOutputNorm: 'post_attention_layernorm',
  feedForwardNorm: 'pre_feedforward_layernorm',
  feedForwardOutputNorm: 'post_feedforward_layernorm',
};

/** The keys of config.json that the family has in common. Defaults are those of transformers' GemmaConfig. */
export const gemmaKeys = llamaKeys.omit({ hidden_act: true }).extend({
  head_dim: extent.default(256),
  attention_bias: flag.default(false),
  tie_word_embeddings: flag.default(true),
});

/**
 * Returns what every decoder of the family has in addition to a gated decoder's parts. The scale of the embeddings,
 * √width, is in float32, as in transformers for float32 weights.
 */
export function gemmaParts(
  keys: Pick<z.output<typeof gemmaKeys>, 'attention_bias' | 'hidden_size' | 'tie_word_embeddings'>,
): Pick<DecoderShape, 'norm' | 'embeddingScale' | 'biases' | 'tiedEmbeddings'> {
  return {
    norm: 'zeroCentredRms',
    embeddingScale: Math.sqrt(keys.hidden_size),
    biases: biasesOf(keys),
    tiedEmbeddings: keys.tie_word_embeddings,
  };
}
