/** `checkpoints`: when a run can be resumed from. */
import { positiveInt, z } from '@gapo/service';

const options = z.strictObject({
  every: positiveInt.default(20).describe('Steps between checkpoints. A run that pauses or ends writes one too.'),
  keep: positiveInt.default(3).describe('Checkpoints that are kept.'),
});

/** Checkpoints. */
export const checkpoints = { schema: options.prefault({}).describe('How often checkpoints are written.') };
