/**
 * The description of a decoder: its sizes, the choices in which architectures differ, and the names of its tensors. Graphs,
 * adapters and files are derived from it alone.
 */
import type { RotaryPositions } from './rotaryPositions.js';

/** How the tokens of a layer attend to those before them. */
export interface LayerAttention {
  /** The number of positions that a token attends to, including its own; undefined for all. */
  readonly window: number | undefined;
  /** Undefined if the layer's queries and keys do not depend on their positions. */
  readonly rotary: RotaryPositions | undefined;
  /** Multiplies the products of queries and keys: 1 / √headWidth in most decoders. */
  readonly scale: number;
}

/** Which linear maps have biases. */
export interface Biases {
  readonly queryKeyValue: boolean;
  readonly attentionOutput: boolean;
  readonly feedForward: boolean;
}

/** The names of a decoder's tensors, and of its classifier, in Hugging Face's files. Names in a layer are relative to the layer. */
export interface TensorNames {
  /** The transformers class that loads it as a classifier, if there is one. */
  readonly classifier?: string;
  /** The prefix of every name except the head's. Checkpoints of the trunk alone omit it. */
  readonly trunk: string;
  /** The token embeddings' tensor. */
  readonly embedding: string;
  /** The position embeddings' tensor, if positions are learned. */
  readonly positions?: string;
  /** The list of layers: layer 3 is trunk + layers + `.3.`. */
  readonly layers: string;
  /** The norm of attention's input, if there is one. */
  readonly attentionNorm?: string;
  /** Queries, keys and values: three linear maps, or one with concatenated outputs. */
  readonly queryKeyValue: readonly string[];
  /** The norms of queries and keys, if the decoder has them. */
  readonly queryKeyNorms?: QueryKeyNorms;
  readonly attentionOutput: string;
  /** The norm of attention's output before it is added to the residual stream, if there is one. */
  readonly attentionOutputNorm?: string;
  /** The norm of the feed-forward layer's input, if there is one. */
  readonly feedForwardNorm?: string;
  /** Gate and up, one linear map with both outputs, or up alone. */
  readonly feedForwardIn: readonly string[];
  readonly feedForwardOut: string;
  /** The norm of the feed-forward layer's output before it is added to the residual stream, if there is one. */
  readonly feedForwardOutputNorm?: string;
  readonly finalNorm: string;
  /** The output projection's tensor. */
  readonly head: string;
  /** Whether linear weights are stored [in, out], as Hugging Face's Conv1D does, instead of [out, in]. */
  readonly inOut: boolean;
  /** Tensors in files that are determined by the configuration. They are skipped. */
  readonly buffers: RegExp;
}

/** The names of the norms of queries and of keys. */
export interface QueryKeyNorms {
  readonly queries: string;
  readonly keys: string;
}

export interface DecoderConfig {
  readonly vocabulary: number;
  /** Width of the residual stream. */
  readonly width: number;
  /** Width within the feed-forward layer. */
  readonly feedForward: number;
  readonly layers: number;
  /** Query heads. */
  readonly heads: number;
  /** Key and value heads; each serves heads / keyValueHeads query heads. */
  readonly keyValueHeads: number;
  readonly headWidth: number;
  /** The longest sequence, in tokens. */
  readonly context: number;
  /** `rms`: RMSNorm with a gain. `zeroCentredRms`: RMSNorm with a gain of 1 + weight. `layer`: LayerNorm with gain and bias. */
  readonly norm: 'rms' | 'zeroCentredRms' | 'layer';
  /** ε of every norm. */
  readonly epsilon: number;
  /** What the norms of queries and keys cover, if `names.queryKeyNorms` has them. @default 'head' */
  readonly queryKeyNormOver?: 'head' | 'projection';
  /** How each layer attends. */
  readonly attention: readonly LayerAttention[];
  /** Soft bound on the attention scores: cap · tanh(score / cap). @default none */
  readonly scoreCap?: number;
  readonly biases: Biases;
  readonly activation: Activation;
  /** Whether the feed-forward layer is down(activation(gate(x)) · up(x)); otherwise it is down(activation(up(x))). */
  readonly gated: boolean;
  /** Multiplies the token embeddings. @default 1 */
  readonly embeddingScale?: number;
  /** Multiplies what attention and the feed-forward layer add to the residual stream. @default 1 */
  readonly residualScale?: number;
  /** Multiplies the logits. @default 1 */
  readonly logitScale?: number;
  /** Soft bound on the logits, applied after their scale: cap · tanh(logit / cap). @default none */
  readonly logitCap?: number;
  /** Whether the output projection is the embedding table. */
  readonly tiedEmbeddings: boolean;
  /** Tokens that end a completion. */
  readonly eosIds: readonly number[];
  readonly names: TensorNames;
}

/** The activation functions in feed-forward layers. `geluTanh` is the tanh approximation of GELU. */
export type Activation = 'silu' | 'gelu' | 'geluTanh' | 'relu';
