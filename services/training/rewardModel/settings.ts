/** Everything that decides what a fit leads to. */
import { positiveInt, word, z } from '@gapo/service';
import { loraSettings, trainingSettings } from '../descent/settings.js';

/** The settings as the process is given them. */
export const fitSettings = z.strictObject({
  ...trainingSettings,
  /** What the model judges: the name that its service states. */
  objective: word,
  /** Where it starts: a decoder's directory, whose head is new, or the tokenizer of an embedding bag; absolute. */
  start: z.union([z.strictObject({ decoder: z.string() }), z.strictObject({ tokenizer: z.string() })]),
  /** For a decoder. Absent: every weight is trained. */
  lora: loraSettings.optional(),
  /** Share of the pairs that is kept out and measured. */
  heldOut: z.number().gt(0).max(0.5),
  /** The longest conversation, in tokens; never more than a decoder's context. */
  maxTokens: positiveInt,
});

/** The settings of a fit. */
export type FitSettings = z.infer<typeof fitSettings>;
