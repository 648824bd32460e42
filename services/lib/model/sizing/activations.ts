/** The memory of a graph's activations. */
import type { DecoderConfig } from '../decoderConfig.js';

/**
 * Whether gradients are faster if sequences share the rows of their prompts. The forward pass is never slower. In the backward
 * pass, a shared row runs once per objective of the pass, other rows once for all of them.
 *
 * @param objectives of a pass: all, or one at a time if each token has its own advantage
 */
export function sharingPays(objectives: number, prompts: number, sequences: number): boolean {
  return objectives * prompts < sequences;
}

/** Default MiB for the activations of a micro-batch. */
export const defaultMemoryBudget = 2048;

/** The sizes of a micro-batch. */
export interface MicroBatchExtents {
  /** Sequences. */
  readonly rows: number;
  /** Tokens of the longest sequence; the others are padded to it. */
  readonly length: number;
  /** Completion tokens of all sequences. */
  readonly completions: number;
}

/**
 * Estimates the peak bytes of a micro-batch without weights, adapters and gradients. In float32, with R rows of T tokens and
 * N completion tokens in total,
 *
 * 4 · (R·T · (kept + layer) + logits · N · vocabulary), where
 *
 * - layer = (2 + norms)·width + (3·heads + 2·keyValueHeads)·headWidth + heads·T + 4·feedForward floats per token: the
 *   residual stream and its norms, queries, keys, values and the output of attention, the attention weights, the feed-forward
 *   layer; a soft cap on the scores keeps another heads·T;
 * - kept = layers · layer; layers · width + 2 · layer if layers are recomputed; 0 without a backward pass;
 * - logits = 8, including the arena's slack, or 2 without a backward pass; a soft cap on them keeps 2 more, or 1.
 *
 * With float16 products, each of these also exists in float16, which adds half: an upper bound.
 *
 * This overestimates completions that share a prompt, because it counts a prompt per sequence, and completions of different
 * lengths, because it counts padding for all activations although only attention has any.
 *
 * Within 5 % of measurements on the CPU with 6 layers of width 256, adapters and two backward passes, for 32 to 500 tokens
 * per row.
 */
export function activationBytes(
  config: DecoderConfig,
  { rows, length, completions }: MicroBatchExtents,
  keeps: 'layers' | 'inputs' | 'nothing',
  precision: 'float32' | 'float16' = 'float32',
): number {
  const { width, feedForward, layers, heads, keyValueHeads, headWidth, vocabulary, scoreCap, logitCap, names } = config;
  const { attentionNorm, attentionOutputNorm, feedForwardNorm, feedForwardOutputNorm } = names;
  const norms = [attentionNorm, attentionOutputNorm, feedForwardNorm, feedForwardOutputNorm];
  const stream = 2 + norms.filter((name) => name !== undefined).length;
  const scores = (scoreCap === undefined ? 1 : 2) * heads * length;
  const layer = stream * width + (3 * heads + 2 * keyValueHeads) * headWidth + scores + 4 * feedForward;
  const kept = { layers: layers * layer, inputs: layers * width + 2 * layer, nothing: 0 }[keeps];
  const capped = logitCap === undefined ? 0 : 1;
  const logits = keeps === 'nothing' ? 2 + capped : 8 + 2 * capped;
  const bytes = precision === 'float16' ? 4 + 2 : 4;
  return bytes * (rows * length * (kept + layer) + logits * completions * vocabulary);
}
