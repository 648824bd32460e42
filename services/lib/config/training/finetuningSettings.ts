/** The settings of supervised fine-tuning: those of `gapo sft`, and of the process that it starts. */
import { adamwDefaults } from '@gapo/numeric';
import { positiveInt, positiveNumber, z } from '@gapo/service';
import { learningRate, trainingSettings, withMicroBatch } from './trainingSettings.js';

/** Peak learning rates that are usual. Adapters start at zero and take larger steps. */
const usualRates = { adapters: 2e-4, full: 2e-5 } as const;

/** The settings by name. */
export const finetuningKeys = {
  ...trainingSettings,
  model: z.string().describe('Directory of the model to start from.'),
  epochs: positiveInt.default(1).describe('Passes over the data.'),
  batch: positiveInt.default(16).describe('Sequences in an update.'),
  learningRate: learningRate
    .optional()
    .meta({ absent: `${usualRates.adapters} with adapters, otherwise ${usualRates.full}` })
    .describe('Peak learning rate.'),
  schedule: z
    .enum(['constant', 'linear', 'cosine'])
    .default('cosine')
    .describe('Learning-rate schedule after the warm-up.'),
  warmup: z
    .number()
    .min(0)
    .max(0.9)
    .meta({ expected: 'a share from 0 to 0.9' })
    .default(0.03)
    .describe('Share of the updates in which the learning rate rises.'),
  weightDecay: z
    .number()
    .min(0)
    .max(1)
    .meta({ expected: 'a share from 0 to 1' })
    .default(adamwDefaults.weightDecay)
    .describe('Decoupled weight decay of AdamW.'),
  maxGradNorm: positiveNumber.default(1).describe('The norm to which longer gradients are clipped.'),
  heldOut: z
    .number()
    .min(0)
    .max(0.5)
    .meta({ expected: 'a share from 0 to 0.5' })
    .default(0.05)
    .describe('Share of the lines that is held out and measured.'),
  checkpointEvery: positiveInt.default(100).describe('Updates between checkpoints.'),
};

/** The settings of a fine-tuning, which it completes with every default. */
export const finetuningSettings = z.strictObject(finetuningKeys).transform((given) => ({
  ...withMicroBatch(given),
  learningRate: given.learningRate ?? (given.lora === undefined ? usualRates.full : usualRates.adapters),
}));

/** The settings of a fine-tuning with every default. */
export type FinetuningSettings = z.output<typeof finetuningSettings>;
