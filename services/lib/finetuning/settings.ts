/** Everything that decides what a fine-tuning leads to. */
import { z } from '@gapo/settings';

const positive = z.number().positive();
const count = z.int().min(1);

/** The settings as the process is given them. */
export const finetuningSettings = z.strictObject({
  /** Files of JSON lines, absolute. */
  data: z.array(z.string()).min(1),
  /** The model directory to start from, absolute. */
  model: z.string(),
  /** Where the trained model goes, absolute. */
  out: z.string(),
  /** Absent: every weight is trained. */
  lora: z.strictObject({ rank: count, alpha: positive, targets: z.array(z.string()).min(1).optional() }).optional(),
  epochs: count,
  /** Sequences in an update. */
  batch: count,
  /** Sequences that are computed at a time; their gradients add up to the update's. */
  microBatch: count,
  /** Highest rate. */
  learningRate: positive,
  schedule: z.enum(['constant', 'linear', 'cosine']),
  /** Share of the updates in which the rate rises. */
  warmup: z.number().min(0).max(0.9),
  weightDecay: z.number().min(0),
  /** The gradient is shortened to this norm. */
  maxGradNorm: positive,
  /** Share of the lines that is kept out and measured. */
  heldOut: z.number().min(0).max(0.5),
  seed: z.int().min(0),
  /** Updates between checkpoints. */
  checkpointEvery: count,
  threads: count,
  device: z.enum(['cpu', 'cuda']),
});

/** The settings of a fine-tuning. */
export type FinetuningSettings = z.infer<typeof finetuningSettings>;
