/**
 * Rotary positions: which channels are rotated, at which frequencies, and how these are scaled for longer
 * contexts.
 */
import { at } from '@gapo/numeric';

/** Rotary position embeddings (Su et al. 2021, arXiv 2104.09864), in the half-split form of Hugging Face. */
export interface RotaryPositions {
  /** The number of channels of a head that are rotated, starting from the first; even. */
  readonly width: number;
  /** Base of the frequencies. */
  readonly theta: number;
  readonly scaling?: RotaryScaling;
}

/** The scaling of the rotary frequencies for contexts longer than in pretraining. */
export type RotaryScaling =
  | { readonly kind: 'linear'; readonly factor: number }
  | {
      /** Llama 3.1: stretches long wavelengths, keeps short ones and interpolates between them. */
      readonly kind: 'llama3';
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      /** The pretraining context, in tokens. */
      readonly originalContext: number;
    }
  | {
      /** YaRN (Peng et al. 2023, arXiv 2309.00071): like llama3, but interpolated along the channels. */
      readonly kind: 'yarn';
      readonly factor: number;
      /** Frequencies with more rotations than this within the pretraining context are kept. */
      readonly fastTurns: number;
      /** Frequencies with fewer rotations than this are divided by the factor. */
      readonly slowTurns: number;
      readonly originalContext: number;
      /** Whether the channel bounds of the interpolation are rounded to whole numbers. */
      readonly truncate: boolean;
      /** Multiplies the turned channels of queries and keys. */
      readonly attentionFactor: number;
    }
  | {
      /** LongRoPE (Ding et al. 2024, arXiv 2402.13753): each frequency has its own divisor. */
      readonly kind: 'longrope';
      readonly divisors: readonly number[];
      /** Multiplies the turned channels of queries and keys. */
      readonly attentionFactor: number;
    };

/** Returns the factor that a rotary scaling applies to the rotated channels of queries and keys. */
export function rotaryFactor({ scaling }: RotaryPositions): number {
  return scaling !== undefined && 'attentionFactor' in scaling ? scaling.attentionFactor : 1;
}

/** Returns the width / 2 rotary frequencies: theta^(−2i / width), scaled. */
export function rotaryFrequencies({ width, theta, scaling }: RotaryPositions): readonly number[] {
  const frequencies = Array.from({ length: width / 2 }, (_, i) => theta ** ((-2 * i) / width));
  switch (scaling?.kind) {
    case undefined:
      return frequencies;
    case 'linear':
      return frequencies.map((frequency) => frequency / scaling.factor);
    case 'llama3': {
      const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContext } = scaling;
      return frequencies.map((frequency) => {
        const turns = (originalContext * frequency) / (2 * Math.PI); // within the context of pretraining
        return stretched(frequency, factor, (turns - low) / (high - low));
      });
    }
    case 'yarn': {
      const { factor, fastTurns, slowTurns, originalContext, truncate } = scaling;
      /** The channel whose frequency has that many rotations within the pretraining context. */
      const channelOf = (turns: number): number =>
        (width * Math.log(originalContext / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
      const [fast, slow] = [channelOf(fastTurns), channelOf(slowTurns)];
      const first = Math.max(truncate ? Math.floor(fast) : fast, 0);
      const last = Math.min(truncate ? Math.ceil(slow) : slow, width - 1);
      const span = first === last ? 0.001 : last - first;
      return frequencies.map((frequency, i) => stretched(frequency, factor, 1 - (i - first) / span));
    }
    case 'longrope':
      return frequencies.map((frequency, i) => frequency / at(scaling.divisors, i));
  }
}

/** Interpolates between a frequency (kept = 1) and the frequency divided by the factor (kept = 0). */
function stretched(frequency: number, factor: number, kept: number): number {
  const share = Math.min(1, Math.max(0, kept));
  return share * frequency + (1 - share) * (frequency / factor);
}
