/** `ppo`: the surrogate objective of proximal policy optimisation. */
import { fraction, nonNegativeNumber, positiveInt, positiveNumber, z } from '@gapo/service';
import type { Refuse } from './section.js';

const gae = z.strictObject({
  gamma: fraction.default(1).describe('Discount factor γ.'),
  lambda: fraction.default(0.95).describe('λ, which trades bias (0) against variance (1).'),
  valueCoefficient: positiveNumber.default(0.5).describe('Coefficient of the value loss.'),
  valueClip: nonNegativeNumber
    .default(0.2)
    .describe('Values are clipped to this distance from the values before the update. 0: not clipped.'),
  valueLearningRate: positiveNumber
    .optional()
    .meta({ absent: '`optimizer.learningRate`' })
    .describe('Peak learning rate of the value heads, which follows `optimizer.schedule`.'),
});

const ptx = z.strictObject({
  coefficient: positiveNumber.describe(
    'Coefficient of the mean log-probability of a token of `data.pretraining`, whose gradient is added after the combination.',
  ),
  batch: positiveInt.default(8).describe('Texts in an update.'),
});

const options = z.strictObject({
  advantages: z
    .enum(['rloo', 'group', 'gae'])
    .default('rloo')
    .describe(
      "How rewards become advantages. `rloo`: leave-one-out baselines. `group`: minus the mean of the prompt's completions, " +
        'divided by their standard deviation (see `groupDeviation`). `gae`: generalised advantage estimation, with a critic per objective.',
    ),
  groupDeviation: z
    .enum(['population', 'sample'])
    .optional()
    .meta({ absent: '`population`' })
    .describe(
      "Whose standard deviation divides `group` advantages: the `population`'s, Σ(R − mean)² / n, or the `sample`'s, " +
        'Σ(R − mean)² / (n − 1), as in TRL. Only with `advantages: group`.',
    ),
  normalizeAdvantages: z
    .union([z.boolean(), z.literal('common')])
    .optional()
    .meta({ expected: 'true, false or common', absent: '`true`; `false` with `advantages: group`' })
    .describe(
      "Whether each objective's advantages are whitened over the batch. `common`: by one scale for all, which leaves their " +
        'proportions. A method that trains on one advantage whitens that one.',
    ),
  dvao: z
    .boolean()
    .optional()
    .meta({ expected: 'true or false', absent: '`false`' })
    .describe(
      'Whether an objective counts in each prompt in proportion to the spread of its rewards there (DVAO, arXiv 2605.25604). Only with `advantages: group`.',
    ),
  gd2po: z
    .strictObject({
      threshold: fraction
        .optional()
        .meta({ absent: 'every disagreement' })
        .describe('Leaves out only completions whose agreement |Σ w A| / Σ w |A| is below this, such as 0.2.'),
    })
    .optional()
    .meta({ absent: 'none' })
    .describe(
      'Leaves out completions that are better than the others of their prompt by one objective and worse by another (GD²PO, ' +
        'arXiv 2606.16771). Not with `advantages: gae`.',
    ),
  clipRange: z
    .number()
    .gt(0)
    .lt(1)
    .meta({ expected: 'a number over 0 and under 1' })
    .default(0.2)
    .describe('The probability ratio is clipped to 1 ± this. Its logarithm is always clipped to ± 20.'),
  importanceCap: z
    .number()
    .min(1)
    .optional()
    .meta({ absent: 'none', expected: 'a number of at least 1' })
    .describe(
      "Multiplies each completion's advantages by min(w, this), where w is its probability under the policy that the step trains " +
        'divided by that under the policy that sampled it; the ratio of the surrogate then starts at 1 (decoupled PPO). Without it, ' +
        'the ratio is to the policy that sampled.',
    ),
  epochs: positiveInt.default(1).describe('Passes over the batch of a step.'),
  minibatches: positiveInt.default(1).describe('Mini-batches of a pass, with one update each.'),
  rewardClamp: z
    .tuple([z.number(), z.number()])
    .refine(([low, high]) => low < high)
    .meta({ expected: 'two numbers [low, high], low < high', absent: 'not clamped' })
    .optional()
    .describe("Bounds of every objective's rewards, which are clamped before penalties."),
  missingEosPenalty: nonNegativeNumber
    .default(0)
    .describe("Subtracted from every objective's reward of a completion that `rollout.maxNewTokens` cut off."),
  gae: gae
    .optional()
    .meta({ absent: 'its defaults' })
    .describe('Generalised advantage estimation. Only with `advantages: gae`.'),
  ptx: ptx.optional().meta({ absent: 'none' }).describe('Language modelling on `data.pretraining` in every update.'),
});

const schema = options
  .optional()
  .meta({ absent: 'its defaults' })
  .describe('The PPO surrogate. Only with `algorithm: ppo`.');

/** PPO's options as written, with the defaults that depend on nothing else. */
export type Ppo = z.output<typeof options>;

/** PPO's options if the configuration has none. */
export const ppoDefaults = options.parse({});

interface Reads {
  readonly algorithm: 'ppo' | 'dpo';
  readonly rollout: { readonly promptsPerStep: number; readonly samplesPerPrompt: number };
  readonly ppo?: Ppo | undefined;
}

function check({ algorithm, rollout, ppo: given }: Reads, refuse: Refuse): void {
  if (algorithm === 'dpo') {
    if (given !== undefined) refuse(['ppo'], 'nothing, since algorithm is dpo');
    return;
  }
  const { advantages, groupDeviation, minibatches, gae: estimation, dvao, gd2po } = given ?? ppoDefaults;
  if (dvao && advantages !== 'group')
    refuse(['ppo', 'dvao'], `no dvao, since ppo.advantages is ${advantages}, not group`);
  if (gd2po !== undefined && advantages === 'gae') refuse(['ppo', 'gd2po'], 'no gd2po, since ppo.advantages is gae');
  if (advantages !== 'gae' && estimation !== undefined) {
    refuse(['ppo', 'gae'], `no gae, since ppo.advantages is ${advantages}`);
  }
  if (advantages !== 'group' && groupDeviation !== undefined) {
    refuse(['ppo', 'groupDeviation'], `no groupDeviation, since ppo.advantages is ${advantages}`);
  }
  const completions = rollout.promptsPerStep * rollout.samplesPerPrompt;
  if (minibatches > completions) refuse(['ppo', 'minibatches'], `at most the ${completions} completions of a step`);
}

/** PPO. */
export const ppo = { schema, check };

/** PPO's options with every default. */
export type CompletePpo = Ppo & { normalizeAdvantages: boolean | 'common' };

/** Fills in the defaults that depend on `advantages`. */
export function completePpo(written = ppoDefaults): CompletePpo {
  const { advantages, normalizeAdvantages = advantages !== 'group' } = written;
  return {
    ...written,
    normalizeAdvantages,
    ...(advantages === 'gae' && { gae: written.gae ?? gae.parse({}) }),
  };
}
