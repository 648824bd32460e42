/** `checkpoints`: the points from which a run can resume. */
import { positiveInt, z } from '@gapo/service';

const options = z.strictObject({
  every: positiveInt
    .default(20)
    .describe('Steps between checkpoints that are kept. The newest two and the one of the last step are always kept.'),
  keep: positiveInt.default(3).describe('Number of checkpoints at these steps that are kept.'),
});

/** Checkpoints. */
export const checkpoints = {
  schema: options.prefault({}).describe('Which checkpoints are kept. Each step writes one.'),
};
