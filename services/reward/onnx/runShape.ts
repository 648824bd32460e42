/** The shapes that a model's runs may have without changing a score. */
import { fewestRows, paddedLength } from './feeds.js';

/** How sequences share runs. */
export interface RunShape {
  /** The fewest rows of a run; more than there are sequences repeat the first. */
  readonly fewest: number;
  /** The most sequences of a run. */
  readonly most: number;
  /**
   * The length of a run: `padded` to one of some lengths, `exact` for sequences of one length, or the only one that the model
   * takes.
   */
  readonly length: 'padded' | 'exact' | number;
}

/** The dimensions of the model's inputs that are fixed, [rows, length]; undefined where any number fits. */
export interface FixedDims {
  readonly rows: number | undefined;
  readonly length: number | undefined;
}

/** What a model's scores depend on besides their own sequence, as probes found. */
export interface Dependence {
  /** On the padding to the right of a sequence, as in a classifier that scores the last position. */
  readonly padding: boolean;
  /** On the other sequences of the run, as in a dynamically quantised model, whose scales are those of the whole run. */
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

/** Says how a model runs if it is not as usual; undefined if it is. */
export function shapeNote({ most, length }: RunShape): string | undefined {
  if (most === 1) return 'one sequence at a time';
  if (length === 'exact') return 'in batches of one length';
  return typeof length === 'number' ? `padded to ${length} tokens` : undefined;
}
