/** `compute`: how workers compute. It is the same for every worker of a run, since the last digits depend on it. */
import { defaultMemoryBudget } from '@gapo/model';
import { positiveInt, z } from '@gapo/service';

const options = z.strictObject({
  precision: z
    .enum(['float32', 'float16'])
    .default('float32')
    .describe(
      'Precision of matrix products. `float16` is for GPUs: a CPU computes in float32, from weights rounded to float16.',
    ),
  memoryBudget: positiveInt
    .default(defaultMemoryBudget)
    .describe('MiB for the activations of a micro-batch. A shard that needs more is split into several.'),
  recompute: z
    .boolean()
    .meta({ expected: 'true or false' })
    .default(false)
    .describe('Whether backward passes recompute each layer: a fraction of the memory for a third more time.'),
});

/** How workers compute. */
export const compute = {
  schema: options.prefault({}).describe('How workers compute. The result of a run depends on it.'),
};
