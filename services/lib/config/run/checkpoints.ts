/** `checkpoints`: the points from which a run can resume. */
import { positiveInt, z } from '@gapo/service';

const options = z.strictObject({
  every: positiveInt
    .default(20)
    .describe('Steps between checkpoints that stay. The newest two always do; the last step has one too.'),
  keep: positiveInt.default(3).describe('Number of checkpoints at these steps that stay.'),
});

/** Checkpoints. */
export const checkpoints = {
  schema: options.prefault({}).describe('Which checkpoints stay. Each step writes one.'),
};
