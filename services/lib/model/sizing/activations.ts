/** The memory of a run of the graphs beside weights, adapters and gradients. */
import type { DecoderConfig } from '@gapo/model';

/** MiB for the activations of a micro-batch where nobody chooses. */
export const defaultMemoryBudget = 2048;

/** What a micro-batch needs room for. */
export interface MicroBatchExtents {
  /** Sequences. */
  readonly rows: number;
  /** The longest one's tokens; the others are padded to it. */
  readonly length: number;
  /** Completion tokens of all. */
  readonly completions: number;
}

/**
 * An estimate of the bytes that a run of a micro-batch takes at its peak beside weights, adapters and gradients, in
 * float32. With R rows of T tokens, N of them completion tokens,
 *
 * 4 · (R·T · (kept + layer) + logits · N · vocabulary), where
 *
 * - layer = 4·width + (3·heads + 2·keyValueHeads)·headWidth + heads·T + 4·feedForward floats a token: the residual
 *   stream and its norms, queries, keys, values and what attention mixed, its weights, and the feed-forward layer;
 * - kept = layers · layer; where layers are computed again layers · width + 2 · layer; 0 without a backward pass;
 * - logits = 8, with the arena's own slack, or 2 without a backward pass.
 *
 * With float16 products each of them is there in float16 too: half as much again, which is an upper bound.
 *
 * Within 5 % of what was measured on the CPU with 6 layers of width 256, adapters and two backward passes, for 32 to 500
 * tokens a row.
 */
export function activationBytes(
  { width, feedForward, layers, heads, keyValueHeads, headWidth, vocabulary }: DecoderConfig,
  { rows, length, completions }: MicroBatchExtents,
  keeps: 'layers' | 'inputs' | 'nothing',
  precision: 'float32' | 'float16' = 'float32',
): number {
  const layer = 4 * width + (3 * heads + 2 * keyValueHeads) * headWidth + heads * length + 4 * feedForward;
  const kept = { layers: layers * layer, inputs: layers * width + 2 * layer, nothing: 0 }[keeps];
  const logits = keeps === 'nothing' ? 2 : 8;
  const bytes = precision === 'float16' ? 4 + 2 : 4;
  return bytes * (rows * length * (kept + layer) + logits * completions * vocabulary);
}
