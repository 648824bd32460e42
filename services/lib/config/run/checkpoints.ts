/** `checkpoints`: the points from which a run can resume. */
import { positiveInt, z } from '@gapo/service';

const options = z.strictObject({
  every: positiveInt.default(20).describe('Steps between checkpoints. A run that pauses or ends writes one too.'),
  keep: positiveInt.default(3).describe('Number of checkpoints to keep.'),
});

/** Checkpoints. */
export const checkpoints = {
  schema: options.prefault({}).describe('When checkpoints are written, and how many are kept.'),
};
