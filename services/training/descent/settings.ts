/** Settings that every training has; each adds its own. */
import { positiveInt, positiveNumber, seed, z } from '@gapo/service';

/** Adapters in place of training every weight. */
export const loraSettings = z.strictObject({
  rank: positiveInt,
  alpha: positiveNumber,
  /** Absent: every linear map. */
  targets: z.array(z.string()).min(1).optional(),
});

/** Members of a schema of settings, as `z.strictObject({ ...trainingSettings, ... })`. */
export const trainingSettings = {
  /** Files of JSON lines, absolute. */
  data: z.array(z.string()).min(1),
  /** Where the result goes, absolute. */
  out: z.string(),
  epochs: positiveInt,
  /** Examples in an update. */
  batch: positiveInt,
  /** Examples that are computed at a time; their gradients add up to the update's. */
  microBatch: positiveInt,
  /** Highest rate. */
  learningRate: positiveNumber.lt(1),
  seed,
  threads: positiveInt,
  device: z.enum(['cpu', 'cuda']),
};
