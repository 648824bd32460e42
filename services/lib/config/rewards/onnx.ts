/** `kind: onnx`: sequence classifiers. */
import { availableParallelism } from 'node:os';
import { milliseconds, positiveInt, z } from '@gapo/service';
import { directoryWith, rewardKind } from './rewardKind.js';

/** More threads per operator gain little. */
const mostThreads = 4;

export const onnx = rewardKind({
  summary: 'a sequence classifier as ONNX, with its own tokenizer',
  entry: {
    model: directoryWith('config.json').describe(
      "the classifier's directory: config.json, model.onnx, tokenizer.json and tokenizer_config.json",
    ),
  },
  settings: {
    THREADS: positiveInt
      .default(() => Math.min(availableParallelism(), mostThreads))
      .describe(`threads per operator of the tensor runtime; by default all cores, at most ${mostThreads}`),
    DEVICE: z.enum(['cpu', 'cuda']).default('cpu').describe('the execution provider of the tensor runtime'),
    LATENCY_BOUND_MS: milliseconds
      .default(1000)
      .describe('the target latency of a call while at most half busy; one run of the model gets a quarter of it'),
    BATCH_WAIT_MS: z
      .int()
      .min(0)
      .meta({ expected: 'milliseconds, an integer of at least 0' })
      .default(5)
      .describe('the longest that a call waits for others to share a run with while the model is idle'),
    QUEUE_ITEMS: positiveInt
      .default(4096)
      .describe('the most items that wait or run; calls that would exceed it are rejected'),
  },
  shared: true,
});
