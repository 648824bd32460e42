/** The settings of reward model training on preference pairs, for `gapo reward train` and the process that it starts. */
import { positiveInt, word, z } from '@gapo/service';
import { overlong } from '../data/dataSettings.js';
import { learningRate, trainingSettings, withMicroBatch } from './trainingSettings.js';

/** The defaults for each kind of start: passes over the data, and the peak learning rate. */
const startDefaults = {
  scratch: { epochs: 4, learningRate: 1e-2 },
  adapters: { epochs: 1, learningRate: 1e-4 },
  full: { epochs: 1, learningRate: 1e-5 },
} as const;

/** The settings by name. */
export const fitKeys = {
  ...trainingSettings,
  objective: word.describe("The objective's name, which the model's service states."),
  start: z
    .union([z.strictObject({ decoder: z.string() }), z.strictObject({ tokenizer: z.string() })])
    .describe("The starting point: a decoder's directory, with a new head, or the tokenizer of an embedding bag."),
  epochs: positiveInt
    .optional()
    .meta({ absent: `${startDefaults.full.epochs} from a decoder, ${startDefaults.scratch.epochs} from scratch` })
    .describe('Passes over the data.'),
  batch: positiveInt.default(32).describe('Pairs in an update.'),
  learningRate: learningRate
    .optional()
    .meta({
      absent:
        `${startDefaults.scratch.learningRate} from scratch, ${startDefaults.adapters.learningRate} with adapters, ` +
        `otherwise ${startDefaults.full.learningRate}`,
    })
    .describe('Peak learning rate.'),
  heldOut: z
    .number()
    .gt(0)
    .max(0.5)
    .meta({ expected: 'a share above 0 and at most 0.5' })
    .default(0.1)
    .describe('Share of the pairs that is held out for measurement, by whole prompts.'),
  maxTokens: positiveInt
    .default(1024)
    .describe(
      "Maximum length of a conversation in tokens, at most a decoder's context. overlong says what happens to longer ones.",
    ),
  overlong: overlong
    .default('truncate-left')
    .describe(
      'What happens to a pair with a conversation of more tokens: an error, left out, or its history truncated from the left.',
    ),
};

/** The schema of the settings, which fills in every default. */
export const fitSettings = z.strictObject(fitKeys).transform((given) => {
  const { start, lora, epochs, learningRate: rate } = given;
  const defaults = startDefaults['tokenizer' in start ? 'scratch' : lora === undefined ? 'full' : 'adapters'];
  return {
    ...withMicroBatch(given),
    epochs: epochs ?? defaults.epochs,
    learningRate: rate ?? defaults.learningRate,
  };
});

/** The settings with every default. */
export type FitSettings = z.output<typeof fitSettings>;
