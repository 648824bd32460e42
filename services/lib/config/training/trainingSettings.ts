/** The common settings of `gapo sft` and `gapo reward train`. */
import { availableParallelism } from 'node:os';
import { positiveInt, positiveNumber, seed, z } from '@gapo/service';
import { columnMap } from '../data/dataSettings.js';

/** The settings of adapters. */
export const adapterSettings = {
  rank: positiveInt.describe('Train adapters of this rank.'),
  alpha: positiveNumber
    .optional()
    .meta({ absent: 'twice the rank' })
    .describe("The adapters' output is scaled by alpha / rank."),
  targets: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .meta({ absent: 'every linear map', expected: 'names of linear maps, such as q_proj,v_proj' })
    .describe('Linear maps with an adapter.'),
};

const adapters = z
  .strictObject(adapterSettings)
  .transform(({ alpha, ...rest }) => ({ ...rest, alpha: alpha ?? 2 * rest.rank }));

/** A learning rate. AdamW's first step has this length in every parameter, so 1 is useless. */
export const learningRate = z.number().gt(0).lt(1).meta({ expected: 'a number above 0 and below 1' });

/** The common settings with the same default and range. */
export const trainingSettings = {
  data: z.array(z.string()).min(1).describe('Files in JSON Lines, JSON arrays or Parquet.'),
  map: columnMap,
  out: z.string().describe('Directory of the result.'),
  lora: adapters.optional().describe('Adapters to train. Without them every weight is trained.'),
  ignoreKeys: z
    .array(z.string().min(1))
    .optional()
    .meta({ absent: 'none', expected: 'names of keys, such as unsloth_note,rope_scaling.note' })
    .describe("Keys of the model's JSON files to read as if they were absent."),
  microBatch: positiveInt
    .optional()
    .meta({ absent: 'the whole update' })
    .describe('Examples per forward and backward pass, to save memory. Their gradients are accumulated.'),
  seed: seed.default(0).describe('Seed of the order, the split and new weights.'),
  threads: positiveInt.default(() => Math.min(availableParallelism(), 4)).describe('Threads of the tensor runtime.'),
  device: z.enum(['cpu', 'cuda']).default('cpu').describe('Execution provider of the tensor runtime.'),
};

/** Fills in the micro-batch. */
export function withMicroBatch<S extends { readonly batch: number; readonly microBatch?: number | undefined }>(
  settings: S,
): S & { readonly microBatch: number } {
  const { batch, microBatch = batch } = settings;
  return { ...settings, microBatch: Math.min(microBatch, batch) };
}
