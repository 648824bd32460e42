/** `kl`: the divergence from the reference policy, which is the policy before its first update. */
import { nonNegativeNumber, positiveNumber, z } from '@gapo/service';
import type { Algorithm } from './data.js';
import type { Refuse } from './section.js';

const options = z.strictObject({
  coefficient: nonNegativeNumber
    .default(0.02)
    .describe('Coefficient β of the divergence. 0: no reference policy, and the divergence is not measured.'),
  in: z
    .enum(['loss', 'reward'])
    .default('loss')
    .describe(
      'Where the divergence is penalised. `loss`: the gradient of β·k2 is added after the combination. ' +
        "`reward`: β·k1 is subtracted from every objective's reward.",
    ),
  estimator: z
    .enum(['k1', 'k2', 'k3'])
    .optional()
    .meta({ absent: '`k2` in the loss, `k1` in the reward' })
    .describe(
      'The estimator. `in` determines it: only `k2` gives the gradient of the divergence in the loss, and only `k1` in the reward. Any other is an error.',
    ),
  controller: z
    .union([
      z.literal('fixed'),
      z.strictObject({
        kind: z.literal('adaptive').describe('Chooses the adaptive controller.'),
        target: positiveNumber.describe('Target of the adaptive controller, in nats per completion.'),
        horizon: positiveNumber.describe('Horizon of the adaptive controller, in completions.'),
      }),
    ])
    .meta({ expected: 'fixed, or a mapping { kind: adaptive, target, horizon }' })
    .default('fixed')
    .describe('Whether β is fixed or adapts to a target divergence.'),
});

const schema = options
  .optional()
  .meta({ absent: 'its defaults' })
  .describe('The divergence from the reference policy. Only with `algorithm: ppo`.');

/** The divergence's options. */
export type Kl = z.output<typeof options>;

interface Reads {
  readonly algorithm: Algorithm;
  readonly rollout: { readonly promptsPerStep: number; readonly samplesPerPrompt: number };
  readonly kl?: Kl | undefined;
}

/** The reasons for which estimators are refused, by the place of the penalty. */
const wrongEstimators: Readonly<Record<Kl['in'], { right: string; wrong: Partial<Record<string, string>> }>> = {
  loss: {
    right: 'k2',
    wrong: {
      k1: 'the mean gradient of k1 is that of the log-probability, which is 0',
      k3: 'the gradient of k3 is that of the reverse divergence, KL(reference ‖ policy)',
    },
  },
  reward: {
    right: 'k1',
    wrong: {
      k2: 'the policy gradient of k2 as a reward is not that of the divergence',
      k3: 'the policy gradient of k3 as a reward lacks a part of that of the divergence',
    },
  },
};

function check({ algorithm, rollout, kl: given }: Reads, refuse: Refuse): void {
  if (given === undefined) return;
  if (algorithm === 'dpo') {
    return refuse(['kl'], 'nothing, since algorithm is dpo, whose dpo.beta keeps the policy near its start');
  }
  const { coefficient, in: place, estimator, controller } = given;
  const { right, wrong } = wrongEstimators[place];
  const why = estimator && wrong[estimator];
  if (why !== undefined) refuse(['kl', 'estimator'], `${right}, since kl.in is ${place}: ${why}`);
  if (controller === 'fixed') return;
  if (coefficient === 0) refuse(['kl', 'coefficient'], 'over 0, since kl.controller is adaptive');
  const completions = rollout.promptsPerStep * rollout.samplesPerPrompt;
  if (controller.horizon <= completions) {
    refuse(['kl', 'controller', 'horizon'], `over the ${completions} completions of a step`);
  }
}

/** The divergence. */
export const kl = { schema, check };

/** The divergence's options with every default. With DPO there is no penalty: the loss itself bounds the divergence. */
export function completeKl(written: Kl | undefined, algorithm: Algorithm): Kl {
  return written ?? options.parse(algorithm === 'dpo' ? { coefficient: 0 } : {});
}
