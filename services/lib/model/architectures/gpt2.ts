/** GPT-2: LayerNorm, learned positions, no gate, and weights stored [in, out] with queries, keys and values in one. */
import { z } from 'zod';
import { defineArchitecture } from './architecture.js';
import { activation, extent, flag, layerCount, only, positive } from './keys.js';

export const gpt2 = defineArchitecture({
  modelType: 'gpt2',
  names: {
    classifier: 'GPT2ForSequenceClassification',
    trunk: 'transformer.',
    embedding: 'wte.weight',
    positions: 'wpe.weight',
    layers: 'h',
    attentionNorm: 'ln_1',
    queryKeyValue: ['attn.c_attn'],
    attentionOutput: 'attn.c_proj',
    feedForwardNorm: 'ln_2',
    feedForwardIn: ['mlp.c_fc'],
    feedForwardOut: 'mlp.c_proj',
    finalNorm: 'ln_f',
    head: 'lm_head.weight',
    inOut: true,
    buffers: /\.(attn|crossattention)\.(bias|masked_bias)$/,
  },
  keys: z.object({
    activation_function: activation('gelu_new'),
    vocab_size: extent,
    n_embd: extent,
    n_inner: extent.nullish(),
    n_layer: layerCount,
    n_head: extent,
    n_positions: extent.default(1024),
    layer_norm_epsilon: positive.default(1e-5),
    scale_attn_weights: flag.default(true),
    scale_attn_by_inverse_layer_idx: flag.default(false),
    add_cross_attention: only(false),
    tie_word_embeddings: flag.optional(),
  }),
  harmless: [
    'n_ctx', // the older name of n_positions, which transformers writes too but does not read
    // Older versions of transformers wrote these but did not read them.
    'n_special',
    'predict_special_tokens',
    'reorder_and_upcast_attn', // a matter of precision
    // They belong to heads other than the language model's.
    'summary_activation',
    'summary_first_dropout',
    'summary_proj_to_labels',
    'summary_type',
    'summary_use_proj',
  ],
  aliases: {
    hidden_size: 'n_embd',
    max_position_embeddings: 'n_positions',
    num_attention_heads: 'n_head',
    num_hidden_layers: 'n_layer',
  },
  decoder: (keys) => ({
    vocabulary: keys.vocab_size,
    width: keys.n_embd,
    feedForward: keys.n_inner ?? 4 * keys.n_embd,
    layers: keys.n_layer,
    heads: keys.n_head,
    keyValueHeads: keys.n_head,
    headWidth: keys.n_embd / keys.n_head,
    context: keys.n_positions,
    norm: 'layer',
    epsilon: keys.layer_norm_epsilon,
    attention: Array.from({ length: keys.n_layer }, (_, layer) => ({
      window: undefined,
      rotary: undefined,
      scale:
        (keys.scale_attn_weights ? 1 / Math.sqrt(keys.n_embd / keys.n_head) : 1) /
        (keys.scale_attn_by_inverse_layer_idx ? layer + 1 : 1),
    })),
    biases: { queryKeyValue: true, attentionOutput: true, feedForward: true },
    activation: keys.activation_function,
    gated: false,
    tiedEmbeddings: keys.tie_word_embeddings ?? true,
  }),
});
