/**
 * Splits a shard into micro-batches of similar lengths, each within a memory budget.
 *
 * The split is a function of the sequences' lengths, the decoder and the options alone. Gradients are summed in its order,
 * so workers with the same options agree to the last bit.
 */
import { type DecoderConfig, type MicroBatchExtents, activationBytes, defaultMemoryBudget } from '@gapo/model';
import type { PrecisionOptions } from '../precision.js';

/** Bounds the memory of a computation. Workers with different options differ in the last bits of their sums. */
export interface MemoryOptions {
  /**
   * MiB for the activations of one micro-batch, estimated by `activationBytes`. A sequence that alone needs more runs
   * alone. @default defaultMemoryBudget
   */
  readonly memoryBudget?: number;
  /** Whether backward passes recompute each layer instead of keeping its activations. @default false */
  readonly recompute?: boolean;
}

/** A sequence's extents. */
export interface SequenceLength {
  /** Prompt and completion, in tokens. */
  readonly total: number;
  /** Completion tokens: those with a distribution over the vocabulary. */
  readonly completion: number;
}

/** The fixed cost of a micro-batch, in tokens: the runtime's work for each node, and merging the adapters. */
const runOverheadTokens = 256;

/**
 * Groups sequences into lists of their indices. Of all splits of the sequences, ordered by length, whose parts fit, chooses
 * the one with the fewest tokens, counting padding and a fixed cost for each part.
 */
export function microBatches(
  lengths: readonly SequenceLength[],
  fits: (extents: MicroBatchExtents) => boolean,
): readonly (readonly number[])[] {
  const order = lengths
    .map((_, index) => index)
    .sort((a, b) => lengthAt(lengths, a).total - lengthAt(lengths, b).total);
  // best[end]: the lowest cost of the first `end` sequences in order, and the start of its last part.
  const best: { readonly cost: number; readonly start: number }[] = [{ cost: 0, start: 0 }];
  for (let end = 1; end <= order.length; end++) {
    const { total: length } = lengthAt(lengths, order[end - 1] as number);
    let least = { cost: Infinity, start: end - 1 };
    let completions = 0;
    for (let start = end - 1; start >= 0; start--) {
      const rows = end - start;
      completions += lengthAt(lengths, order[start] as number).completion;
      if (rows > 1 && !fits({ rows, length, completions })) break;
      const cost = (best[start] as { cost: number }).cost + rows * length + runOverheadTokens;
      if (cost < least.cost) least = { cost, start };
    }
    best.push(least);
  }
  const parts: number[][] = [];
  for (let end = order.length; end > 0; end = (best[end] as { start: number }).start) {
    parts.unshift(order.slice((best[end] as { start: number }).start, end).sort((a, b) => a - b));
  }
  return parts;
}

/** The micro-batches of sequences for a decoder. `backward`: whether gradients are computed. */
export function splitByMemory(
  config: DecoderConfig,
  sequences: readonly { readonly promptIds: readonly number[]; readonly completionIds: readonly number[] }[],
  { memoryBudget = defaultMemoryBudget, recompute = false, precision }: MemoryOptions & PrecisionOptions,
  backward: boolean,
): readonly (readonly number[])[] {
  const keeps = !backward ? 'nothing' : recompute ? 'inputs' : 'layers';
  return microBatches(
    sequences.map(({ promptIds, completionIds }) => ({
      total: promptIds.length + completionIds.length,
      completion: completionIds.length,
    })),
    (extents) => activationBytes(config, extents, keeps, precision) <= memoryBudget * 2 ** 20,
  );
}

function lengthAt(lengths: readonly SequenceLength[], index: number): SequenceLength {
  return lengths[index] as SequenceLength;
}
