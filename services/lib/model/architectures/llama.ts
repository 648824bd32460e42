/** Llama 2 and 3; also what this project writes for models that it makes itself. */
import type { DecoderConfig } from '../decoderConfig.js';
import { decoderOf, defineArchitecture } from './architecture.js';
import { extent, flag } from './keys.js';
import { llamaDecoder, llamaKeys, llamaNames } from './llamaFamily.js';

/** Llama. */
export const llama = defineArchitecture({
  modelType: 'llama',
  names: llamaNames,
  keys: llamaKeys.extend({
    num_key_value_heads: extent.nullish(),
    attention_bias: flag.optional(),
    mlp_bias: flag.optional(),
  }),
  decoder: (keys, report) => ({
    ...llamaDecoder(keys, report),
    biases: {
      queryKeyValue: keys.attention_bias ?? false,
      attentionOutput: keys.attention_bias ?? false,
      feedForward: keys.mlp_bias ?? false,
    },
  }),
});

/** The extents of a Llama decoder. */
export interface LlamaShape {
  readonly vocabulary: number;
  readonly width: number;
  readonly feedForward: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headWidth: number;
  readonly context: number;
  readonly epsilon: number;
  readonly ropeTheta: number;
  readonly tiedEmbeddings: boolean;
  readonly bosId: number;
  readonly eosIds: readonly number[];
}

/**
 * Writes the config.json of a Llama decoder.
 *
 * @param className the Hugging Face class that loads it, for example `LlamaForCausalLM`
 */
export function toHuggingFaceConfig(shape: LlamaShape, className: string): Readonly<Record<string, unknown>> {
  return {
    architectures: [className],
    model_type: llama.modelType,
    hidden_act: 'silu',
    vocab_size: shape.vocabulary,
    hidden_size: shape.width,
    intermediate_size: shape.feedForward,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.keyValueHeads,
    head_dim: shape.headWidth,
    max_position_embeddings: shape.context,
    rms_norm_eps: shape.epsilon,
    rope_theta: shape.ropeTheta,
    tie_word_embeddings: shape.tiedEmbeddings,
    bos_token_id: shape.bosId,
    eos_token_id: shape.eosIds.length === 1 ? shape.eosIds[0] : shape.eosIds,
    torch_dtype: 'float32',
  };
}

/** The decoder of a shape. @throws ModelError where its extents do not fit each other */
export function llamaConfig(shape: LlamaShape): DecoderConfig {
  return decoderOf(llama, toHuggingFaceConfig(shape, 'LlamaForCausalLM'), 'the shape of a Llama decoder');
}
