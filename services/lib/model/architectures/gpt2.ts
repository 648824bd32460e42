/** GPT-2: LayerNorm, learned positions, GELU, and weights stored [in, out] with queries, keys and values in one. */
import { z } from 'zod';
import { defineArchitecture } from './architecture.js';
import { extent, flag, only, positive } from './keys.js';

/** GPT-2. */
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
    buffers: /\.attn\.(bias|masked_bias)$/,
  },
  keys: z.object({
    activation_function: z.enum(['gelu_new', 'gelu_pytorch_tanh'], { error: "must be 'gelu_new'" }).optional(),
    vocab_size: extent,
    n_embd: extent,
    n_inner: extent.nullish(),
    n_layer: extent,
    n_head: extent,
    n_positions: extent,
    layer_norm_epsilon: positive,
    scale_attn_weights: only(true),
    scale_attn_by_inverse_layer_idx: only(false),
    add_cross_attention: only(false),
    tie_word_embeddings: flag.optional(),
  }),
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
    rotary: undefined,
    windows: new Array<undefined>(keys.n_layer).fill(undefined),
    biases: { queryKeyValue: true, attentionOutput: true, feedForward: true },
    activation: 'gelu',
    tiedEmbeddings: keys.tie_word_embeddings ?? true,
  }),
});
