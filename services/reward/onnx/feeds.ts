/**
 * Packs sequences of different lengths into tensors. Every sequence is padded to a length that depends only on its own
 * length, and never runs alone, so its score does not depend on the rest of the run, bit for bit.
 */
import { at } from '@gapo/numeric';
import type { EncodedItem } from '../encoding/itemEncoder.js';

/** The smallest step of padded lengths. A smaller step pads less but splits a call into more, smaller runs; 4 and 16 are slower. */
const leastStep = 8;

/** Maximum number of padded lengths from one power of two to the next. */
const stepsPerDoubling = 8;

/**
 * Minimum number of rows in a run. The runtime has a different kernel for a single row, which sums in a different order,
 * so a lone sequence runs twice.
 */
export const fewestRows = 2;

/** Returns the length that a sequence is padded to, in tokens: 8, 16, 24 ... 128, 144, 160 ... 256, 288 ... */
export function paddedLength(tokens: number, maxTokens: number): number {
  const powerBelow = 2 ** Math.floor(Math.log2(Math.max(1, tokens - 1)));
  const step = Math.max(leastStep, powerBelow / stepsPerDoubling);
  return Math.min(Math.ceil(tokens / step) * step, maxTokens);
}

/** A run's tensors, each int64 [rows, length]. */
export interface Feeds {
  readonly rows: number;
  readonly length: number;
  /** Token ids, padded on the right. */
  readonly ids: BigInt64Array<ArrayBuffer>;
  /** 1 for a token, 0 for padding. */
  readonly mask: BigInt64Array<ArrayBuffer>;
  /** `token_type_ids`, 0 where padded. */
  readonly segments: BigInt64Array<ArrayBuffer>;
}

/**
 * Packs sequences into a run of one length with at least the given number of rows. Rows beyond the sequences repeat the
 * first.
 */
export function feedsOf(
  sequences: readonly EncodedItem[],
  length: number,
  padId: number,
  fewest: number = fewestRows,
): Feeds {
  const rows = Math.max(fewest, sequences.length);
  const ids = new BigInt64Array(rows * length).fill(BigInt(padId));
  const mask = new BigInt64Array(rows * length);
  const segments = new BigInt64Array(rows * length);
  for (let row = 0; row < rows; row++) {
    const sequence = at(sequences, row < sequences.length ? row : 0);
    for (const [position, id] of sequence.ids.entries()) {
      ids[row * length + position] = BigInt(id);
      mask[row * length + position] = 1n;
    }
    for (const [position, segment] of (sequence.segments ?? []).entries()) {
      segments[row * length + position] = BigInt(segment);
    }
  }
  return { rows, length, ids, mask, segments };
}
