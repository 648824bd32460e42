/**
 * Reads rotary positions from config.json as transformers does. Their keys are in rope_parameters. Older files call it
 * rope_scaling and have a separate rope_theta.
 */
import { z } from 'zod';
import { checkKeys } from '../knownKeys.js';
import type { RotaryPositions, RotaryScaling } from '../rotaryPositions.js';
import type { Report } from './architecture.js';
import { extent, flag, positive } from './keys.js';

const factors = z.array(positive).min(1);

/** The keys of rope_parameters. */
export const ropeKeys = z.looseObject({
  rope_type: z.string().nullish(),
  type: z.string().nullish(),
  rope_theta: positive.nullish(),
  partial_rotary_factor: positive.max(1, { error: 'must be at most 1' }).nullish(),
  factor: positive.nullish(),
  original_max_position_embeddings: extent.nullish(),
  attention_factor: positive.nullish(),
  beta_fast: positive.nullish(),
  beta_slow: positive.nullish(),
  mscale: z.number().nonnegative().nullish(),
  mscale_all_dim: z.number().nonnegative().nullish(),
  truncate: flag.nullish(),
  low_freq_factor: positive.nullish(),
  high_freq_factor: positive.nullish(),
  short_factor: factors.nullish(),
  long_factor: factors.nullish(),
});

type RopeKeys = z.output<typeof ropeKeys>;

/** What rotary positions depend on other than the keys of rope_parameters. */
export interface RotaryContext {
  /** The keys' path in config.json, for error messages. */
  readonly name: string;
  /** The base of the frequencies if the keys have none. */
  readonly theta: number;
  readonly headWidth: number;
  /** max_position_embeddings. */
  readonly context: number;
  /** The pretraining context, if it is not among the keys. @default context */
  readonly originalContext?: number | undefined;
  /**
   * The fraction of a head that is rotated, for architectures that may rotate only part of it. @default 1, and nothing else is
   * supported
   */
  readonly partial?: number | undefined;
}

/** Rotary positions, and the longest sequence for which they match transformers. */
export interface Rotary {
  readonly positions: RotaryPositions;
  readonly context: number;
}

/**
 * Reads the keys of one object.
 *
 * Beyond the pretraining context, the frequencies of `dynamic` and `longrope` depend on the longest sequence in a batch. A
 * token's log-probability would then change with the tokens after it, and sampling and evaluation would give different
 * log-probabilities. The context therefore ends where the frequencies would change.
 */
export function readRotary(keys: RopeKeys, about: RotaryContext, report: Report): Rotary {
  const { name, headWidth, context, partial } = about;
  const known = { used: Object.keys(ropeKeys.shape), harmless: ['finetuned'], neutral: {} };
  checkKeys(keys, known, {}, `${name}.`).problems.forEach(report);
  const share = keys.partial_rotary_factor ?? partial ?? 1;
  if (share !== 1 && partial === undefined) {
    report(`${name}.partial_rotary_factor is ${share}; this architecture turns all channels of a head`);
  }
  const width = Math.trunc(headWidth * share);
  const theta = keys.rope_theta ?? about.theta;
  const originalContext = about.originalContext ?? keys.original_max_position_embeddings ?? context;
  const scaling = rotaryScaling(keys, { name, context, originalContext }, report);
  if (scaling?.kind === 'longrope' && scaling.divisors.length !== width / 2) {
    report(`${name}.short_factor has ${scaling.divisors.length} factors for ${width / 2} frequencies`);
  }
  return {
    positions: { width, theta, ...(scaling && { scaling }) },
    context: scaling?.kind === 'longrope' ? Math.min(context, originalContext) : context,
  };
}

/** The scaling that the keys describe. */
function rotaryScaling(
  keys: RopeKeys,
  {
    name,
    context,
    originalContext,
  }: { readonly name: string; readonly context: number; readonly originalContext: number },
  report: Report,
): RotaryScaling | undefined {
  const kind = keys.rope_type ?? keys.type ?? 'default';
  const { factor, low_freq_factor: low, high_freq_factor: high } = keys;
  switch (kind) {
    case 'default':
    case 'dynamic': // the default up to max_position_embeddings
      return undefined;
    case 'linear':
      if (factor) return { kind, factor };
      report(`${name} 'linear' needs factor`);
      return undefined;
    case 'llama3':
      if (factor && low && high && low < high) {
        return { kind, factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContext };
      }
      report(`${name} 'llama3' needs factor, and low_freq_factor below high_freq_factor`);
      return undefined;
    case 'yarn': {
      const stretch = factor ?? context / originalContext;
      return {
        kind,
        factor: stretch,
        fastTurns: keys.beta_fast ?? 32,
        slowTurns: keys.beta_slow ?? 1,
        originalContext,
        truncate: keys.truncate ?? true,
        attentionFactor: keys.attention_factor ?? yarnAttentionFactor(stretch, keys),
      };
    }
    case 'longrope': {
      if (!keys.short_factor) {
        report(`${name} 'longrope' needs short_factor`);
        return undefined;
      }
      const stretch = factor ?? context / originalContext;
      return {
        kind,
        divisors: keys.short_factor,
        attentionFactor:
          keys.attention_factor ?? (stretch > 1 ? Math.sqrt(1 + Math.log(stretch) / Math.log(originalContext)) : 1),
      };
    }
    default:
      report(`${name} '${kind}' is not supported; 'linear', 'dynamic', 'llama3', 'yarn' and 'longrope' are`);
      return undefined;
  }
}

/** YaRN's factor on queries and keys, 0.1 · ln(stretch) + 1, or the ratio of two such factors with separate weights. */
function yarnAttentionFactor(stretch: number, { mscale, mscale_all_dim: all }: RopeKeys): number {
  const scale = (weight: number): number => (stretch <= 1 ? 1 : 0.1 * weight * Math.log(stretch) + 1);
  return mscale && all ? scale(mscale) / scale(all) : scale(1);
}

/** Keys of config.json that describe rotary positions. */
export const rotaryKeys = {
  rope_theta: positive.optional(),
  rope_scaling: ropeKeys.nullish(),
  rope_parameters: ropeKeys.nullish(),
};

/** The values of `rotaryKeys`. */
interface RotaryKeys {
  readonly rope_theta?: number | undefined;
  readonly rope_scaling?: RopeKeys | null | undefined;
  readonly rope_parameters?: RopeKeys | null | undefined;
}

/**
 * Returns the keys that describe all layers' rotary positions, and their name. rope_scaling takes precedence unless it is empty.
 */
export function ropeOf(keys: RotaryKeys): { readonly name: string; readonly rope: RopeKeys } {
  const isOld = Object.keys(keys.rope_scaling ?? {}).length > 0;
  const name = isOld ? 'rope_scaling' : 'rope_parameters';
  return { name, rope: keys[name] ?? {} };
}

/** Keys of config.json if layers with a sliding window have separate rotary positions. */
export const rotaryKeysByType = {
  rope_theta: positive.optional(),
  rope_scaling: ropeKeys.nullish(),
  rope_parameters: z
    .strictObject({ full_attention: ropeKeys.nullish(), sliding_attention: ropeKeys.nullish() })
    .nullish(),
};

/** The values of `rotaryKeysByType`. */
interface RotaryKeysByType {
  readonly rope_theta?: number | undefined;
  readonly rope_scaling?: RopeKeys | null | undefined;
  readonly rope_parameters?:
    | {
        readonly full_attention?: RopeKeys | null | undefined;
        readonly sliding_attention?: RopeKeys | null | undefined;
      }
    | null
    | undefined;
}

/**
 * Reads the rotary positions of layers with full attention and of those with a window. In older files, rope_theta and
 * rope_scaling describe the former. `thetas` are the bases of the frequencies if these keys have none.
 */
export function readRotaryByType(
  keys: RotaryKeysByType,
  thetas: { readonly full: number; readonly sliding: number },
  about: Pick<RotaryContext, 'headWidth' | 'context'>,
  report: Report,
): { readonly full: RotaryPositions; readonly sliding: RotaryPositions; readonly context: number } {
  const { full_attention: full, sliding_attention: sliding } = keys.rope_parameters ?? {};
  const whole = readRotary(
    { ...full, ...keys.rope_scaling },
    { ...about, name: 'rope_parameters.full_attention', theta: keys.rope_theta ?? thetas.full },
    report,
  );
  const local = readRotary(
    sliding ?? {},
    { ...about, name: 'rope_parameters.sliding_attention', theta: thetas.sliding },
    report,
  );
  return { full: whole.positions, sliding: local.positions, context: Math.min(whole.context, local.context) };
}
