/** Llama 2 and 3; also the architecture of models that this project creates. */
import type { DecoderConfig } from '../decoderConfig.js';
import { decoderOf, defineArchitecture } from './architecture.js';
import { flag } from './keys.js';
import { biasesOf, llamaDecoder, llamaKeys, llamaNames } from './llamaFamily.js';

export const llama = defineArchitecture({
  modelType: 'llama',
  names: { ...llamaNames, classifier: 'LlamaForSequenceClassification' },
  keys: llamaKeys.extend({
    attention_bias: flag.optional(),
    mlp_bias: flag.optional(),
  }),
  decoder: (keys, report) => ({
    ...llamaDecoder(keys, report),
    biases: biasesOf(keys),
  }),
});

/** The sizes of a Llama decoder. */
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
 * Returns the config.json of a Llama decoder.
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

/** Returns the decoder of a shape. @throws ModelError if its sizes are inconsistent */
export function llamaConfig(shape: LlamaShape): DecoderConfig {
  return decoderOf(llama, toHuggingFaceConfig(shape, 'LlamaForCausalLM'), 'the shape of a Llama decoder');
}
