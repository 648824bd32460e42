/** The gradient worker's own settings: how much memory it computes in. */
import { positiveInt, z } from '@gapo/settings';

/**
 * Sums over micro-batches depend on how a shard was split, in their last bits, so that workers of one coordinator need
 * the same values: then a run's bytes do not depend on who computed them.
 */
export const gradientSettings = z.object({
  MEMORY_BUDGET: positiveInt
    .default(2048)
    .describe(
      'MiB for what a forward and backward pass keeps; shards that need more are split. The same on every gradient worker.',
    ),
  RECOMPUTE: z
    .boolean()
    .default(false)
    .describe(
      'Whether each layer is computed again in the backward pass: a fraction of the memory for a third more time.',
    )
    .meta({ expected: 'true or false' }),
});
