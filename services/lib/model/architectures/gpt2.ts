/** GPT-2: LayerNorm, learned positions, GELU, and weights stored [in, out] with queries, keys and values in one. */
import { z } from 'zod';
import { defineArchitecture, everyLayer } from './architecture.js';
import { extent, flag, layerCount, only, positive } from './keys.js';

export const gpt2 = defineArchitecture({
  modelType: 'gpt2',
  names: {
    classPrefix: 'GPT2',
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
    activation_function: z.enum(['gelu_new', 'gelu_pytorch_tanh'], { error: "must be 'gelu_new'" }).optional(),
    vocab_size: extent,
    n_embd: extent,
    n_inner: extent.nullish(),
    n_layer: layerCount,
    n_head: extent,
    n_positions: extent.default(1024),
    layer_norm_epsilon: positive.default(1e-5),
    scale_attn_weights: only(true),
    scale_attn_by_inverse_layer_idx: only(false),
    add_cross_attention: only(false),
    tie_word_embeddings: flag.optional(),
  }),
  harmless: [
    'n_ctx', // the older name of n_positions, which transformers writes beside it and does not read
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
    attention: everyLayer(keys.n_layer, {
      window: undefined,
      rotary: undefined,
      scale: 1 / Math.sqrt(keys.n_embd / keys.n_head),
    }),
    biases: { queryKeyValue: true, attentionOutput: true, feedForward: true },
    activation: 'geluTanh',
    gated: false,
    tiedEmbeddings: keys.tie_word_embeddings ?? true,
  }),
});
