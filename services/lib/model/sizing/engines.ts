/**
 * The memory of other engines: a PyTorch gradient worker (engines/pytorch), according to its code, and a vLLM server, according to its
 * documentation.
 */
import type { DecoderConfig } from '../decoderConfig.js';
import { decoderLayout, decoderTensors } from '../decoderLayout.js';
import { sizeOf } from '../weights/tensors.js';
import type { MicroBatchExtents } from './activations.js';

/** What samples. */
export type RolloutEngine =
  | { readonly name: 'native' }
  | {
      readonly name: 'vllm';
      /** GPUs per server (tensor parallelism). */
      readonly gpus: number;
      /** Completions in progress on a server. */
      readonly concurrency: number;
    };

/** What computes gradients. */
export type GradientEngine =
  | { readonly name: 'native' }
  | {
      readonly name: 'pytorch';
      /** Processes per worker, each with one GPU. */
      readonly gpus: number;
      /** The type of frozen weights. */
      readonly weights: 'float32' | 'bfloat16';
    };

/** The engines of a run. */
export interface EngineExtents {
  readonly rollout: RolloutEngine;
  readonly gradient: GradientEngine;
}

/** This project's own engines. */
export const nativeEngines: EngineExtents = { rollout: { name: 'native' }, gradient: { name: 'native' } };

/** The GPUs of a worker. */
export function gpusOf(engine: RolloutEngine | GradientEngine): number {
  return engine.name === 'native' ? 1 : engine.gpus;
}

/** Number of [completion tokens, vocabulary] arrays alive at the same time. */
const logitsKept = { layers: 6, inputs: 6, nothing: 5 } as const;

/**
 * Estimates the peak bytes of a micro-batch in PyTorch, without weights, adapters and gradients: R rows of T tokens with N completion
 * tokens in total. With p bytes per element of a matrix product's operand, the same as for the frozen weights,
 *
 * R·T · (kept + layer) + 4 · logits · N · vocabulary, where
 *
 * - layer = 8·width + p · (2·width + 2·(heads + keyValueHeads)·headWidth + 4·feedForward) bytes per token: the inputs of two norms in
 *   float32; their outputs, queries, keys, values and the output of attention, and four arrays of the feed-forward layer. Attention is a
 *   fused kernel that keeps no scores. Adapters keep the operands, whatever is frozen;
 * - kept = layers · layer; layers · p · width + layer if layers are recomputed; 0 without a backward pass;
 * - logits = 6, or 5 without a backward pass.
 *
 * engines/pytorch splits its micro-batches by the same formula, and its tests compare it with the tensors alive while a decoder runs:
 * 0.75 to 1.02 of the estimate with layers kept, 0.4 to 1.02 otherwise.
 */
export function pytorchActivationBytes(
  config: DecoderConfig,
  { rows, length, completions }: MicroBatchExtents,
  keeps: keyof typeof logitsKept,
  operandBytes: number,
): number {
  const { width, feedForward, layers, heads, keyValueHeads, headWidth, vocabulary } = config;
  const operands = 2 * width + 2 * (heads + keyValueHeads) * headWidth + 4 * feedForward;
  const layer = 8 * width + operandBytes * operands;
  const kept = { layers: layers * layer, inputs: layers * operandBytes * width + layer, nothing: 0 }[keeps];
  return rows * length * (kept + layer) + 4 * logitsKept[keeps] * completions * vocabulary;
}

/** Elements of a decoder's weights: in its largest layer, and outside the layers (embeddings, output projection, last norm). */
export function weightsByPlace(config: DecoderConfig): { readonly layer: number; readonly outside: number } {
  const { layers } = decoderLayout(config);
  const sum = (prefix: string | undefined): number =>
    decoderTensors(config)
      .filter(({ name }) => prefix === undefined || name.startsWith(prefix))
      .reduce((total, { shape }) => total + sizeOf(shape), 0);
  const each = layers.map(({ prefix }) => sum(prefix));
  return { layer: Math.max(...each), outside: sum(undefined) - each.reduce((total, own) => total + own, 0) };
}

/**
 * Bytes of a token's keys and values on one GPU of a vLLM server: 2 · layers · heads · headWidth numbers of two bytes (Kwon et al. 2023,
 * arXiv 2309.06180). Tensor parallelism divides the heads, and replicates them if there are fewer than GPUs.
 */
export function cacheBytesPerToken({ layers, keyValueHeads, headWidth }: DecoderConfig, gpus: number): number {
  return 2 * 2 * layers * Math.ceil(keyValueHeads / gpus) * headWidth;
}
