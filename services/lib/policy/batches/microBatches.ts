/**
 * Splits a shard into micro-batches of similar lengths, each within a memory budget.
 *
 * The split depends only on the sequences' lengths, the decoder and the options. Gradients are summed in its order, so workers
 * with the same options agree to the last bit.
 */
import { type DecoderConfig, type MicroBatchExtents, activationBytes, defaultMemoryBudget } from '@gapo/model';
import { at } from '@gapo/numeric';
import type { PrecisionOptions } from '../precision.js';
import { type Sequence, batchPrompts } from './batch.js';

/** Bounds the memory of a computation. Workers with different options differ in the last bits of their sums. */
export interface MemoryOptions {
  /**
   * MiB for the activations of one micro-batch, estimated by `activationBytes`. A sequence that needs more than this runs
   * alone. @default defaultMemoryBudget
   */
  readonly memoryBudget?: number;
  /** Whether backward passes recompute each layer instead of keeping its activations. @default false */
  readonly recompute?: boolean;
}

/** Sequences that run together: those that share a prompt, or one. */
export interface Unit {
  /** Their indices among the sequences. */
  readonly indices: readonly number[];
  /** Tokens of their prompt. */
  readonly prompt: number;
  /** Tokens of their longest completion. */
  readonly longest: number;
  /** Tokens of all their completions: those with a distribution over the vocabulary. */
  readonly completions: number;
}

/** Whether a micro-batch of these extents fits into memory. */
type Fits = (extents: MicroBatchExtents) => boolean;

/** The fixed cost of a micro-batch, in cells: the runtime's work for each node, and merging the adapters. */
const runOverhead = 256;

/** A micro-batch as it grows: a prompt for each unit, padded to the longest, and their completions, padded likewise. */
class Part {
  prompts = 0;
  sequences = 0;
  prompt = 0;
  longest = 0;
  completions = 0;

  add({ indices, prompt, longest, completions }: Unit): void {
    this.prompts += 1;
    this.sequences += indices.length;
    this.prompt = Math.max(this.prompt, prompt);
    this.longest = Math.max(this.longest, longest);
    this.completions += completions;
  }

  /** Cells of prompts and completions in the grids of attention, padding included. */
  get cells(): number {
    return this.prompts * this.prompt + this.sequences * this.longest;
  }

  /** The extents if no prompt is shared: an upper bound. */
  get extents(): MicroBatchExtents {
    return { rows: this.sequences, length: this.prompt + this.longest, completions: this.completions };
  }
}

/**
 * Groups units into lists of their sequences' indices. Among all splits of the units, ordered by length, whose parts fit,
 * chooses the one with the fewest cells, counting padding and a fixed cost per part. A unit that does not fit is a part on its
 * own.
 */
export function microBatches(units: readonly Unit[], fits: Fits): readonly (readonly number[])[] {
  const length = ({ prompt, longest }: Unit): number => prompt + longest;
  const order = [...units].sort((a, b) => length(a) - length(b));
  // best[end]: the lowest cost of the first `end` units in order, and the start of its last part.
  const best: { readonly cost: number; readonly start: number }[] = [{ cost: 0, start: 0 }];
  for (let end = 1; end <= order.length; end++) {
    let least = { cost: Infinity, start: end - 1 };
    const part = new Part();
    for (let start = end - 1; start >= 0; start--) {
      part.add(at(order, start));
      if (part.prompts > 1 && !fits(part.extents)) break;
      const cost = at(best, start).cost + part.cells + runOverhead;
      if (cost < least.cost) least = { cost, start };
    }
    best.push(least);
  }
  const parts: number[][] = [];
  for (let end = order.length; end > 0; end = at(best, end).start) {
    const indices = order.slice(at(best, end).start, end).flatMap((unit) => unit.indices);
    parts.unshift(indices.sort((a, b) => a - b));
  }
  return parts;
}

/** The units of sequences: the sequences of each distinct prompt, split so that each unit fits; or one sequence each. */
export function unitsOf(sequences: readonly Sequence[], shared: boolean, fits: Fits): readonly Unit[] {
  const { prompts, promptOf } = batchPrompts(sequences, shared);
  const byPrompt = prompts.map((): Unit[] => []);
  sequences.forEach(({ promptIds, completionIds: { length } }, index) => {
    const units = at(byPrompt, at(promptOf, index));
    const last = units.at(-1);
    const indices = [...(last?.indices ?? []), index];
    const longest = Math.max(last?.longest ?? 0, length);
    const completions = (last?.completions ?? 0) + length;
    const grown = { indices, prompt: promptIds.length, longest, completions };
    const fitting = fits({ rows: indices.length, length: grown.prompt + longest, completions });
    if (last !== undefined && fitting) units[units.length - 1] = grown;
    else units.push({ indices: [index], prompt: promptIds.length, longest: length, completions: length });
  });
  return byPrompt.flat();
}

/** How the micro-batches of sequences are used. */
export interface SplitUse {
  /** Whether gradients are computed. */
  readonly backward: boolean;
  /** Whether sequences share their prompts' rows. */
  readonly shared: boolean;
}

/** The micro-batches of sequences for a decoder. */
export function splitByMemory(
  config: DecoderConfig,
  sequences: readonly Sequence[],
  { memoryBudget = defaultMemoryBudget, recompute = false, precision }: MemoryOptions & PrecisionOptions,
  { backward, shared }: SplitUse,
): readonly (readonly number[])[] {
  const keeps = !backward ? 'nothing' : recompute ? 'inputs' : 'layers';
  const fits: Fits = (extents) => activationBytes(config, extents, keeps, precision) <= memoryBudget * 2 ** 20;
  return microBatches(unitsOf(sequences, shared, fits), fits);
}
