/** The shapes that a model's runs may have without affecting a score. */
import { fewestRows, paddedLength } from './feeds.js';

/** How sequences share runs. */
export interface RunShape {
  /** Minimum number of rows in a run; missing rows repeat the first sequence. */
  readonly fewest: number;
  /** Maximum number of sequences in a run. */
  readonly most: number;
  /**
   * The length of a run: `padded` to one of a few lengths, `exact` for sequences of equal length, or the only length that the
   * model accepts.
   */
  readonly length: 'padded' | 'exact' | number;
}

/** The fixed dimensions of the model's inputs, [rows, length]; undefined if any number is allowed. */
export interface FixedDims {
  readonly rows: number | undefined;
  readonly length: number | undefined;
}

/** What a model's scores depend on besides their own sequence, as found by the probes. */
export interface Dependence {
  /** On the padding to the right of a sequence, as in a classifier that scores the last position. */
  readonly padding: boolean;
  /** On the other sequences of the run, as in a dynamically quantised model, whose scales are computed over the whole run. */
  readonly others: boolean;
}

/** Returns the shape of a model's runs. */
export function runShape(fixed: FixedDims, { padding, others }: Dependence): RunShape {
  const alone = others || fixed.rows === 1;
  return {
    fewest: fixed.rows ?? (others ? 1 : fewestRows),
    most: alone ? 1 : (fixed.rows ?? Infinity),
    length: fixed.length ?? (padding || others ? 'exact' : 'padded'),
  };
}

/** Returns the length of the run of a sequence, in tokens. */
export function runLength({ length }: RunShape, tokens: number, maxTokens: number): number {
  if (length === 'padded') return paddedLength(tokens, maxTokens);
  return length === 'exact' ? tokens : length;
}

/** Describes how a model runs if this is unusual; otherwise undefined. */
export function shapeNote({ most, length }: RunShape): string | undefined {
  if (most === 1) return 'one sequence at a time';
  if (length === 'exact') return 'in batches of one length';
  return typeof length === 'number' ? `padded to ${length} tokens` : undefined;
}
