/** The part of a run's configuration that says what the surrogate is made of: PPO, KL, DPO, and their checks. */
import { filePath, fraction, nonNegativeNumber, positiveInt, positiveNumber, z } from '@gapo/service';
import type { Refuse } from './combineConfig.js';

/** Options of generalised advantage estimation. */
export const gae = z.strictObject({
  /** Discount. @default 1 */
  gamma: fraction.default(1),
  /** Bias-variance trade-off. @default 0.95 */
  lambda: fraction.default(0.95),
  /** Coefficient of the value loss. @default 0.5 */
  valueCoefficient: positiveNumber.default(0.5),
  /** The value is held within this distance of the old one; 0 leaves it free. @default 0.2 */
  valueClip: nonNegativeNumber.default(0.2),
  /** Peak step size of the value heads; it follows optimizer.schedule. @default optimizer.learningRate */
  valueLearningRate: positiveNumber.optional(),
});

const ptx = z.strictObject({
  /** Of the mean log-probability of a pretraining token, whose gradient is added after the combination. */
  coefficient: positiveNumber,
  /** Texts of each update. @default 8 */
  batch: positiveInt.default(8),
});

/** PPO. */
export const ppo = z.strictObject({
  /**
   * rloo: leave-one-out baselines. group: rewards of a prompt's completions, less their mean, over their deviation. gae:
   * one critic for each objective. @default rloo
   */
  advantages: z.enum(['rloo', 'group', 'gae']).default('rloo'),
  /** Whether each objective's advantages are whitened over the batch. @default true, with advantages: group false */
  normalizeAdvantages: z.boolean().optional(),
  /** The ratio is held within 1 ± this. @default 0.2 */
  clipRange: z.number().gt(0).lt(1).meta({ expected: 'a number over 0 and under 1' }).default(0.2),
  /** Times that a batch is gone through. @default 1 */
  epochs: positiveInt.default(1),
  /** Pieces that each time is split into, with one update for each. @default 1 */
  minibatches: positiveInt.default(1),
  /** Every objective's rewards are held between these before penalties. @default no bounds */
  rewardClamp: z
    .tuple([z.number(), z.number()])
    .refine(([low, high]) => low < high)
    .meta({ expected: 'two numbers [low, high], low < high' })
    .optional(),
  /** Subtracted from every objective's reward of a completion that was cut by its length. @default 0 */
  missingEosPenalty: nonNegativeNumber.default(0),
  /** Only with advantages: gae. */
  gae: gae.optional(),
  /** Language modelling on data.pretraining beside the rewards. @default none */
  ptx: ptx.optional(),
});

/** The divergence from the policy's start. */
export const kl = z.strictObject({
  /** β; 0 leaves the reference out, and no KL is measured. @default 0.02 */
  coefficient: nonNegativeNumber.default(0.02),
  /**
   * loss: the gradient of β·k2 is added after the combination. reward: β·k1 is subtracted from every objective's
   * reward, so that it is rescaled with them. @default loss
   */
  in: z.enum(['loss', 'reward']).default('loss'),
  /** The estimator; only one gives the gradient of the divergence in either place. @default k2 in the loss, k1 in the reward */
  estimator: z.enum(['k1', 'k2', 'k3']).optional(),
  /** Whether β stays or is steered to a divergence in nats per completion. @default fixed */
  controller: z
    .union([
      z.literal('fixed'),
      z.strictObject({ kind: z.literal('adaptive'), target: positiveNumber, horizon: positiveNumber }),
    ])
    .meta({ expected: 'fixed, or a mapping { kind: adaptive, target, horizon }' })
    .default('fixed'),
});

/** Direct preference optimisation. */
export const dpo = z.strictObject({
  /** How strongly the policy is held to its start: margins are β times the log-probability ratios. @default 0.1 */
  beta: positiveNumber.default(0.1),
  /** Pairs of a step; it draws further ones until every objective has a label among them. @default 64 */
  pairsPerStep: positiveInt.default(64),
  /** The probability that a label is wrong. @default 0 */
  labelSmoothing: z.number().min(0).lt(0.5).meta({ expected: 'a number of at least 0 and under 0.5' }).default(0),
});

/** Where a run's data are. */
export const data = z.strictObject({
  /** JSON lines of {"id", "prompt"}; needed by algorithm: ppo. */
  prompts: filePath.optional(),
  /** Prompts that are never trained on, for evaluations. @default none: the run cannot be evaluated */
  heldOut: filePath.optional(),
  /** JSON lines of {"prompt", "chosen", "rejected", "labels"}; needed by algorithm: dpo. */
  pairs: filePath.optional(),
  /** JSON lines of {"text"} or {"prompt", "completion"}; needed by ppo.ptx. */
  pretraining: filePath.optional(),
});

/** What the checks of this part read. */
export interface SurrogateConfig {
  readonly algorithm: 'ppo' | 'dpo';
  readonly data: z.output<typeof data>;
  readonly rollout: { readonly promptsPerStep: number; readonly samplesPerPrompt: number; readonly shards: number };
  readonly ppo?: z.output<typeof ppo> | undefined;
  readonly kl?: z.output<typeof kl> | undefined;
  readonly dpo?: z.output<typeof dpo> | undefined;
  readonly entropyCoefficient: number;
}

/** Why an estimator is not taken, by where it would be used. The one that is missing is right. */
const wrongEstimators = {
  loss: {
    k1: 'the mean gradient of k1 is that of the log-probability, which is 0',
    k3: 'the gradient of k3 is that of the divergence the other way round, KL(reference ‖ policy)',
  },
  reward: {
    k2: 'the policy gradient of k2 as a reward is not that of the divergence',
    k3: 'the policy gradient of k3 as a reward lacks a part of that of the divergence',
  },
} as const;

/** Checks the rules between fields of this part. */
export function checkSurrogate(config: SurrogateConfig, refuse: Refuse): void {
  if (config.algorithm === 'dpo') checkPairs(config, refuse);
  else checkPpo(config, refuse);
}

function checkPairs(config: SurrogateConfig, refuse: Refuse): void {
  const { data: files, rollout } = config;
  const nothing = (key: string, why: string): void => refuse([key], `nothing, since algorithm is dpo${why}`);
  if (files.pairs === undefined) refuse(['data', 'pairs'], 'a file of pairs, since algorithm is dpo');
  if (files.prompts !== undefined)
    refuse(['data', 'prompts'], 'nothing, since algorithm is dpo: prompts are in data.pairs');
  if (files.pretraining !== undefined) refuse(['data', 'pretraining'], 'nothing, since algorithm is dpo');
  if (config.ppo !== undefined) nothing('ppo', '');
  if (config.kl !== undefined) nothing('kl', ', whose dpo.beta holds the policy to its start');
  if (config.entropyCoefficient !== 0) refuse(['entropyCoefficient'], '0, since algorithm is dpo');
  const pairs = config.dpo?.pairsPerStep ?? Infinity;
  if (rollout.shards > pairs) refuse(['rollout', 'shards'], `at most dpo.pairsPerStep, which is ${pairs}`);
}

function checkPpo(
  { data: files, rollout, ppo: given, kl: divergence, ...config }: SurrogateConfig,
  refuse: Refuse,
): void {
  if (files.prompts === undefined) refuse(['data', 'prompts'], "a file's path");
  if (files.pairs !== undefined) refuse(['data', 'pairs'], 'nothing, since algorithm is ppo');
  if (config.dpo !== undefined) refuse(['dpo'], 'nothing, since algorithm is ppo');
  const { advantages = 'rloo', minibatches = 1 } = given ?? {};
  if (advantages !== 'gae' && rollout.samplesPerPrompt < 2) {
    refuse(['rollout', 'samplesPerPrompt'], `at least 2, since ppo.advantages is ${advantages}`);
  }
  if (advantages !== 'gae' && given?.gae !== undefined) {
    refuse(['ppo', 'gae'], `no gae, since ppo.advantages is ${advantages}`);
  }
  if (rollout.shards > rollout.promptsPerStep) {
    refuse(['rollout', 'shards'], `at most rollout.promptsPerStep, which is ${rollout.promptsPerStep}`);
  }
  const completions = rollout.promptsPerStep * rollout.samplesPerPrompt;
  if (minibatches > completions) {
    refuse(['ppo', 'minibatches'], `at most the ${completions} completions of a step`);
  }
  if (given?.ptx !== undefined && files.pretraining === undefined) {
    refuse(['data', 'pretraining'], 'a file of texts, since there is ppo.ptx');
  }
  if (given?.ptx === undefined && files.pretraining !== undefined) {
    refuse(['data', 'pretraining'], 'nothing, since there is no ppo.ptx');
  }
  if (divergence === undefined) return;
  const { in: place, estimator, controller } = divergence;
  const wrong: Partial<Record<string, string>> = wrongEstimators[place];
  const why = estimator && wrong[estimator];
  if (why !== undefined) {
    refuse(['kl', 'estimator'], `${place === 'loss' ? 'k2' : 'k1'}, since kl.in is ${place}: ${why}`);
  }
  if (controller === 'fixed') return;
  if (divergence.coefficient === 0) refuse(['kl', 'coefficient'], 'over 0, since kl.controller is adaptive');
  if (controller.horizon <= completions) {
    refuse(['kl', 'controller', 'horizon'], `over the ${completions} completions of a step`);
  }
}
