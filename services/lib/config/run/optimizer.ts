/** `optimizer`: AdamW on the combined update. */
import { adamwDefaults } from '@gapo/numeric';
import { nonNegativeInt, nonNegativeNumber, positiveNumber, z } from '@gapo/service';
import { ppoDefaults, type Ppo } from './ppo.js';
import type { Refuse } from './section.js';

const decay = z.number().min(0).lt(1).meta({ expected: 'a number of at least 0 and under 1' });

const options = z.strictObject({
  learningRate: positiveNumber.default(1e-4).describe('Peak learning rate.'),
  betas: z
    .tuple([decay, decay])
    .meta({ expected: 'two numbers of at least 0 and under 1' })
    .default([...adamwDefaults.betas])
    .describe('Decay rates of the first and second moments.'),
  epsilon: positiveNumber.default(adamwDefaults.epsilon).describe('Added to the square root of the second moment.'),
  weightDecay: nonNegativeNumber.default(adamwDefaults.weightDecay).describe('Decoupled weight decay.'),
  maxGradNorm: positiveNumber.default(1).describe('Updates are clipped to this norm.'),
  schedule: z
    .enum(['constant', 'linear', 'cosine'])
    .default('constant')
    .describe("Learning-rate schedule over the run's updates."),
  warmupSteps: nonNegativeInt.default(0).describe('Updates of linear warm-up.'),
});

const schema = options.prefault({}).describe('AdamW on the combined update.');

interface Reads {
  readonly steps: number;
  readonly ppo?: Ppo | undefined;
  readonly optimizer: z.output<typeof schema>;
}

function check(
  { steps, ppo, optimizer: { schedule, warmupSteps, learningRate, weightDecay } }: Reads,
  refuse: Refuse,
): void {
  const updates = steps * updatesPerStep({ ppo: ppo ?? ppoDefaults });
  if (schedule !== 'constant' && warmupSteps >= updates) {
    refuse(['optimizer', 'warmupSteps'], `under the run's ${updates} updates, since the schedule is not constant`);
  }
  if (learningRate * weightDecay >= 1) refuse(['optimizer', 'weightDecay'], 'less than 1 / learningRate');
}

/** AdamW. */
export const optimizer = { schema, check };

/** Returns the number of optimizer updates in one step. */
export function updatesPerStep({
  ppo: { epochs, minibatches },
}: {
  readonly ppo: Pick<Ppo, 'epochs' | 'minibatches'>;
}): number {
  return epochs * minibatches;
}
