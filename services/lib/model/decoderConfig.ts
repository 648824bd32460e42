/**
 * The description of a decoder: its sizes, the choices in which architectures differ, and the names of its tensors. Graphs,
 * adapters and files derive from it alone.
 */

/** Rotary position embeddings (Su et al. 2021, arXiv 2104.09864), in the half-split form of Hugging Face. */
export interface RotaryPositions {
  /** Base of the frequencies. */
  readonly theta: number;
  readonly scaling?: RotaryScaling;
}

/** The scaling of the rotary frequencies for a context longer than that of pretraining. */
export type RotaryScaling =
  | { readonly kind: 'linear'; readonly factor: number }
  | {
      /** Llama 3.1: stretches long wavelengths, keeps short ones and interpolates between them. */
      readonly kind: 'llama3';
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      /** The context of pretraining, in tokens. */
      readonly originalContext: number;
    };

/** Which linear maps have biases. */
export interface Biases {
  readonly queryKeyValue: boolean;
  readonly attentionOutput: boolean;
  readonly feedForward: boolean;
}

/** The names of a decoder's tensors and classes in Hugging Face's files. Names in a layer are relative to the layer. */
export interface TensorNames {
  /** The prefix of its class names, such as `Llama` in LlamaForCausalLM. */
  readonly classPrefix: string;
  /** The prefix of every name but the head's. Checkpoints of the trunk alone leave it out. */
  readonly trunk: string;
  /** The token embeddings' tensor. */
  readonly embedding: string;
  /** The position embeddings' tensor, if positions are learned. */
  readonly positions?: string;
  /** The list of layers: layer 3 is trunk + layers + `.3.`. */
  readonly layers: string;
  /** The norm before attention. */
  readonly attentionNorm: string;
  /** Queries, keys and values: three linear maps, or one with concatenated outputs. */
  readonly queryKeyValue: readonly string[];
  /** The RMSNorms over each head of queries and keys, if the decoder has them. */
  readonly headNorms?: HeadNorms;
  readonly attentionOutput: string;
  /** The norm before the feed-forward layer. */
  readonly feedForwardNorm: string;
  /** Gate and up, or up alone. */
  readonly feedForwardIn: readonly string[];
  readonly feedForwardOut: string;
  readonly finalNorm: string;
  /** The output projection's tensor. */
  readonly head: string;
  /** Whether linear weights are stored [in, out], as Hugging Face's Conv1D does, instead of [out, in]. */
  readonly inOut: boolean;
  /** Tensors in files that the configuration determines. They are skipped. */
  readonly buffers: RegExp;
}

/** The names of the norms over each head of queries and of keys. */
export interface HeadNorms {
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
  /** `rms`: RMSNorm with a gain. `layer`: LayerNorm with gain and bias. */
  readonly norm: 'rms' | 'layer';
  /** ε of every norm. */
  readonly epsilon: number;
  /** Undefined if positions are learned: see `names.positions`. */
  readonly rotary: RotaryPositions | undefined;
  /** The attention window of each layer, in positions including the token's own; undefined for full attention. */
  readonly windows: readonly (number | undefined)[];
  readonly biases: Biases;
  /** `swiglu`: down(silu(gate(x)) · up(x)). `gelu`: down(gelu(up(x))), GELU by its tanh approximation. */
  readonly activation: 'swiglu' | 'gelu';
  /** Whether the output projection is the embedding table. */
  readonly tiedEmbeddings: boolean;
  /** Tokens that end a completion. */
  readonly eosIds: readonly number[];
  readonly names: TensorNames;
}

/** Returns the headWidth / 2 rotary frequencies: theta^(−2i / headWidth), scaled. */
export function rotaryFrequencies(headWidth: number, { theta, scaling }: RotaryPositions): readonly number[] {
  const frequencies = Array.from({ length: headWidth / 2 }, (_, i) => theta ** ((-2 * i) / headWidth));
  if (scaling === undefined) return frequencies;
  if (scaling.kind === 'linear') return frequencies.map((frequency) => frequency / scaling.factor);
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContext } = scaling;
  return frequencies.map((frequency) => {
    const turns = (originalContext * frequency) / (2 * Math.PI); // within the context of pretraining
    const kept = Math.min(1, Math.max(0, (turns - low) / (high - low)));
    return kept * frequency + (1 - kept) * (frequency / factor);
  });
}
