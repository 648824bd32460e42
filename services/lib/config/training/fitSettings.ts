/** The settings of a reward model's fit on preference pairs: those of `gapo reward train`, and of the process that it starts. */
import { positiveInt, word, z } from '@gapo/service';
import { learningRate, trainingSettings, withMicroBatch } from './trainingSettings.js';

/** What is usual for each kind of start: passes over the data, and the peak learning rate. */
const usual = {
  scratch: { epochs: 4, learningRate: 1e-2 },
  adapters: { epochs: 1, learningRate: 1e-4 },
  full: { epochs: 1, learningRate: 1e-5 },
} as const;

/** The settings by name. */
export const fitKeys = {
  ...trainingSettings,
  objective: word.describe('What the model judges, as its service states it.'),
  start: z
    .union([z.strictObject({ decoder: z.string() }), z.strictObject({ tokenizer: z.string() })])
    .describe("Where it starts: a decoder's directory, with a new head, or the tokenizer of an embedding bag."),
  epochs: positiveInt
    .optional()
    .meta({ absent: `${usual.full.epochs} from a decoder, ${usual.scratch.epochs} from scratch` })
    .describe('Passes over the data.'),
  batch: positiveInt.default(32).describe('Pairs in an update.'),
  learningRate: learningRate
    .optional()
    .meta({
      absent:
        `${usual.scratch.learningRate} from scratch, ${usual.adapters.learningRate} with adapters, ` +
        `otherwise ${usual.full.learningRate}`,
    })
    .describe('Peak learning rate.'),
  heldOut: z
    .number()
    .gt(0)
    .max(0.5)
    .meta({ expected: 'a share above 0 and at most 0.5' })
    .default(0.1)
    .describe('Share of the pairs that is held out, by whole prompts, and measured.'),
  maxTokens: positiveInt
    .default(1024)
    .describe(
      "Maximum length of a conversation in tokens, at most a decoder's context. Longer ones lose their beginning.",
    ),
};

/** The settings of a fit, which it completes with every default. */
export const fitSettings = z.strictObject(fitKeys).transform((given) => {
  const { start, lora, epochs, learningRate: rate } = given;
  const defaults = usual['tokenizer' in start ? 'scratch' : lora === undefined ? 'full' : 'adapters'];
  return {
    ...withMicroBatch(given),
    epochs: epochs ?? defaults.epochs,
    learningRate: rate ?? defaults.learningRate,
  };
});

/** The settings of a fit with every default. */
export type FitSettings = z.output<typeof fitSettings>;
