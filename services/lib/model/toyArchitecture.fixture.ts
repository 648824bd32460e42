/**
 * An unregistered architecture, described as in CONTRIBUTING.md: Llama with other tensor names and config.json keys, and
 * a norm over each head of queries and keys.
 */
import { z } from 'zod';
import { defineArchitecture, everyLayer } from './architectures/architecture.js';
import { extent, positive } from './architectures/keys.js';

export const toy = defineArchitecture({
  modelType: 'toy',
  names: {
    classifier: 'ToyForSequenceClassification',
    trunk: 'backbone.',
    embedding: 'tokens.table',
    layers: 'blocks',
    attentionNorm: 'norm1',
    queryKeyValue: ['mixer.wq', 'mixer.wk', 'mixer.wv'],
    queryKeyNorms: { queries: 'mixer.norm_q', keys: 'mixer.norm_k' },
    attentionOutput: 'mixer.wo',
    feedForwardNorm: 'norm2',
    feedForwardIn: ['ffn.w1', 'ffn.w3'],
    feedForwardOut: 'ffn.w2',
    finalNorm: 'norm_out',
    head: 'output.weight',
    inOut: false,
    buffers: /\.angles$/,
  },
  keys: z.object({
    vocab_size: extent,
    dim: extent,
    ffn_dim: extent,
    n_layers: extent,
    n_heads: extent,
    n_kv_heads: extent,
    head_dim: extent,
    max_seq_len: extent,
    norm_eps: positive,
    rope_base: positive,
  }),
  decoder: (keys) => ({
    vocabulary: keys.vocab_size,
    width: keys.dim,
    feedForward: keys.ffn_dim,
    layers: keys.n_layers,
    heads: keys.n_heads,
    keyValueHeads: keys.n_kv_heads,
    headWidth: keys.head_dim,
    context: keys.max_seq_len,
    norm: 'rms',
    epsilon: keys.norm_eps,
    attention: everyLayer(keys.n_layers, {
      window: undefined,
      rotary: { width: keys.head_dim, theta: keys.rope_base },
      scale: 1 / Math.sqrt(keys.head_dim),
    }),
    biases: { queryKeyValue: false, attentionOutput: false, feedForward: false },
    activation: 'silu',
    gated: true,
    tiedEmbeddings: false,
  }),
});

/** The config.json of a tiny model. */
export const toyConfig = {
  model_type: 'toy',
  vocab_size: 19,
  dim: 16,
  ffn_dim: 24,
  n_layers: 2,
  n_heads: 4,
  n_kv_heads: 2,
  head_dim: 6,
  max_seq_len: 64,
  norm_eps: 1e-5,
  rope_base: 10000,
  eos_token_id: 2,
};
