/**
 * What a decoder is: its extents, and the choices in which architectures differ. Graphs, adapters and files are made
 * from this description; none of them asks for an architecture by name.
 */

/** Rotary position embeddings (Su et al. 2021, arXiv 2104.09864), in the half-split form of Hugging Face. */
export interface RotaryPositions {
  readonly kind: 'rotary';
  /** Base of the frequencies. */
  readonly theta: number;
  readonly scaling?: RotaryScaling;
}

/** How the rotary frequencies of a longer context follow from those that the model was first trained with. */
export type RotaryScaling =
  | { readonly kind: 'linear'; readonly factor: number }
  | {
      /** Llama 3.1: long wavelengths are stretched, short ones kept, those between interpolated. */
      readonly kind: 'llama3';
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      /** The context of the first training, in tokens. */
      readonly originalContext: number;
    };

/** A vector for each position, added to the token's embedding. */
export interface LearnedPositions {
  readonly kind: 'learned';
}

/** Which linear maps have biases. */
export interface Biases {
  readonly queryKeyValue: boolean;
  readonly attentionOutput: boolean;
  readonly feedForward: boolean;
}

/** How tensors are called and laid out: Llama's way, which most followed, or GPT-2's. */
export type Naming = 'llama' | 'gpt2';

/** A decoder. */
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
  /** Whether queries and keys pass an RMSNorm over each head. */
  readonly queryKeyNorm: boolean;
  readonly positions: RotaryPositions | LearnedPositions;
  /** For each layer how many positions back a token sees, itself counted; undefined: all of them. */
  readonly windows: readonly (number | undefined)[];
  readonly biases: Biases;
  /** `swiglu`: down(silu(gate(x)) · up(x)). `gelu`: down(gelu(up(x))), GELU by its tanh approximation. */
  readonly activation: 'swiglu' | 'gelu';
  readonly naming: Naming;
  /** Whether the output projection is the embedding table. */
  readonly tiedEmbeddings: boolean;
  /** Tokens that end a completion. */
  readonly eosIds: readonly number[];
}

/** What a decoder of Llama's architecture needs to be told. */
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

/** A decoder of Llama's architecture. */
export function llamaConfig({ ropeTheta, bosId: _, ...extents }: LlamaShape): DecoderConfig {
  return {
    ...extents,
    norm: 'rms',
    queryKeyNorm: false,
    positions: { kind: 'rotary', theta: ropeTheta },
    windows: new Array<undefined>(extents.layers).fill(undefined),
    biases: { queryKeyValue: false, attentionOutput: false, feedForward: false },
    activation: 'swiglu',
    naming: 'llama',
  };
}

/** The rotary frequencies, headWidth / 2 of them: theta^(−2i / headWidth), scaled. */
export function rotaryFrequencies(headWidth: number, { theta, scaling }: RotaryPositions): readonly number[] {
  const frequencies = Array.from({ length: headWidth / 2 }, (_, i) => theta ** ((-2 * i) / headWidth));
  if (scaling === undefined) return frequencies;
  if (scaling.kind === 'linear') return frequencies.map((frequency) => frequency / scaling.factor);
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContext } = scaling;
  return frequencies.map((frequency) => {
    const turns = (originalContext * frequency) / (2 * Math.PI); // within the context of the first training
    const kept = Math.min(1, Math.max(0, (turns - low) / (high - low)));
    return kept * frequency + (1 - kept) * (frequency / factor);
  });
}
