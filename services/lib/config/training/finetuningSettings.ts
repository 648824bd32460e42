/** The settings of supervised fine-tuning, for `gapo sft` and the process that it starts. */
import { adamwDefaults } from '@gapo/numeric';
import { positiveInt, positiveNumber, z } from '@gapo/service';
import { chatTemplateKwargs } from '../chatTemplateKwargs.js';
import { overlong } from '../data/dataSettings.js';
import { learningRate, trainingSettings, withMicroBatch } from './trainingSettings.js';

/** Default peak learning rates. Adapters start at zero and take larger steps. */
const defaultRates = { adapters: 2e-4, full: 2e-5 } as const;

/** The settings by name. */
export const finetuningKeys = {
  ...trainingSettings,
  model: z.string().describe('Directory of the model to start from.'),
  chatTemplateKwargs: chatTemplateKwargs.optional().meta({ absent: 'none' }),
  epochs: positiveInt.default(1).describe('Passes over the data.'),
  batch: positiveInt.default(16).describe('Sequences in an update.'),
  learningRate: learningRate
    .optional()
    .meta({ absent: `${defaultRates.adapters} with adapters, otherwise ${defaultRates.full}` })
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
  maxGradNorm: positiveNumber.default(1).describe('Gradients are clipped to this norm.'),
  overlong: overlong
    .default('refuse')
    .describe(
      "What happens to a row that does not fit the model's context: an error, left out, or its prompt truncated from the left.",
    ),
  heldOut: z
    .number()
    .min(0)
    .max(0.5)
    .meta({ expected: 'a share from 0 to 0.5' })
    .default(0.05)
    .describe('Share of the lines that is held out for measurement.'),
  checkpointEvery: positiveInt.default(100).describe('Updates between checkpoints.'),
};

/** The schema of the settings, which fills in every default. */
export const finetuningSettings = z.strictObject(finetuningKeys).transform((given) => ({
  ...withMicroBatch(given),
  learningRate: given.learningRate ?? (given.lora === undefined ? defaultRates.full : defaultRates.adapters),
}));

/** The settings of a fine-tuning with every default. */
export type FinetuningSettings = z.output<typeof finetuningSettings>;
