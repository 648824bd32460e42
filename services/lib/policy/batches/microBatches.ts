/**
 * How a shard is split into the micro-batches that run at a time: by length, within a memory budget.
 *
 * The split is a function of the sequences' lengths, the decoder and the options alone. Gradients are added up in its
 * order, so that workers with the same options agree to the last bit.
 */
import { type DecoderConfig, type MicroBatchExtents, activationBytes, defaultMemoryBudget } from '@gapo/model';
import type { PrecisionOptions } from '../engineOptions.js';

/** What bounds the memory of a run. Workers of one coordinator need the same, or their sums differ in the last bits. */
export interface MemoryOptions {
  /**
   * MiB for the activations of one micro-batch, by the estimate of `activationBytes`. A sequence that needs more by
   * itself is run by itself. @default defaultMemoryBudget
   */
  readonly memoryBudget?: number;
  /** Whether backward passes compute each layer again instead of keeping what it computed. @default false */
  readonly recompute?: boolean;
}

/** A sequence's extents. */
export interface SequenceLength {
  /** Prompt and completion, in tokens. */
  readonly total: number;
  /** Completion tokens: those with a distribution over the vocabulary. */
  readonly completion: number;
}

/** What a run costs beside its tokens, in tokens: the runtime's work for each node, and merging the adapters. */
const runOverheadTokens = 256;

/**
 * Groups sequences, as lists of their indices: of all splits of the sequences in order of their lengths whose parts
 * fit, the one with the fewest tokens, padding and a fixed cost for each part counted.
 */
export function microBatches(
  lengths: readonly SequenceLength[],
  fits: (extents: MicroBatchExtents) => boolean,
): readonly (readonly number[])[] {
  const order = lengths
    .map((_, index) => index)
    .sort((a, b) => lengthAt(lengths, a).total - lengthAt(lengths, b).total);
  // best[end]: the least cost of the first `end` sequences in order, and where its last part starts.
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

/** The micro-batches of sequences under a decoder. `backward`: whether gradients are computed. */
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
