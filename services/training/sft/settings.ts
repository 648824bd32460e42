/** Everything that decides what a fine-tuning leads to. */
import { z } from '@gapo/service';
import { loraSettings, trainingSettings } from '../descent/settings.js';

/** The settings as the process is given them. */
export const finetuningSettings = z.strictObject({
  ...trainingSettings,
  /** The model directory to start from, absolute. */
  model: z.string(),
  /** Absent: every weight is trained. */
  lora: loraSettings.optional(),
  schedule: z.enum(['constant', 'linear', 'cosine']),
  /** Share of the updates in which the rate rises. */
  warmup: z.number().min(0).max(0.9),
  weightDecay: z.number().min(0).max(1),
  /** The gradient is shortened to this norm. */
  maxGradNorm: z.number().positive(),
  /** Share of the lines that is kept out and measured. */
  heldOut: z.number().min(0).max(0.5),
  /** Updates between checkpoints. */
  checkpointEvery: z.int().min(1),
});

/** The settings of a fine-tuning. */
export type FinetuningSettings = z.infer<typeof finetuningSettings>;
