/** `rollout`: how completions are sampled, and how a step is split among workers. */
import { nonNegativeInt, nonNegativeNumber, positiveInt, positiveNumber, z } from '@gapo/service';
import type { Algorithm } from './data.js';
import { dpoDefaults, type Dpo } from './dpo.js';
import { ppoDefaults, type Ppo } from './ppo.js';
import type { Refuse } from './section.js';

const stopString = z.string().min(1).max(256).meta({ expected: 'a text of 1 to 256 characters' });

const maxLogprobGap = z
  .strictObject({
    warn: nonNegativeNumber.describe('The gap above which a step is logged with a warning.'),
    pause: nonNegativeNumber.describe('The gap above which the run pauses before the step changes the policy.'),
  })
  .optional()
  .meta({ absent: 'by the engine' })
  .describe(
    "Limits of the largest difference in a step between a token's log-probability at the sampler and at the trainer. A gap " +
      "moves PPO's ratio by as much. By default none with ENGINE=native, and `{ warn: 0.05, pause: 0.5 }` with another engine.",
  );

/** Steps that sampling may run ahead of training. */
const staleness = z
  .literal([0, 1, 2])
  .optional()
  .meta({ absent: '`0`', expected: '0, 1 or 2' })
  .describe(
    'Steps that sampling runs ahead of training: step n trains on completions of the policy after step n − 1 − `staleness`, which ' +
      'are sampled while the steps before it train. `0`: a step samples from the policy that it trains.',
  );

/** When completions are scored. */
const score = z
  .enum(['step', 'shard'])
  .optional()
  .meta({ absent: '`step`' })
  .describe(
    'When the reward services get the completions. `step`: once all of the step are sampled, in as few calls as the services allow. ' +
      '`shard`: those of a shard as soon as it is sampled, in more and smaller calls: for services with dedicated hardware.',
  );

const options = z.strictObject({
  promptsPerStep: positiveInt.default(32).describe('Prompts in a step.'),
  samplesPerPrompt: positiveInt.default(4).describe('Completions per prompt.'),
  temperature: positiveNumber.default(1).describe('Divides the logits, both in sampling and in training.'),
  maxNewTokens: positiveInt
    .default(48)
    .describe(
      "Maximum length of a completion in tokens, including the end-of-sequence token. The model's context may end it earlier.",
    ),
  topK: nonNegativeInt
    .default(0)
    .describe('Samples from the K most probable tokens, including ties with the last of them. 0: from all tokens.'),
  topP: z
    .number()
    .gt(0)
    .max(1)
    .meta({ expected: 'a number above 0 and at most 1' })
    .default(1)
    .describe(
      'Samples from the smallest set of most probable tokens whose probabilities sum to P. 1: from all tokens.',
    ),
  minP: z
    .number()
    .min(0)
    .max(1)
    .meta({ expected: 'a number between 0 and 1' })
    .default(0)
    .describe('Samples from tokens at least P times as probable as the most probable one. 0: from all tokens.'),
  repetitionPenalty: positiveNumber
    .default(1)
    .describe('Positive logits of tokens in the prompt or the completion are divided by it, negative ones multiplied.'),
  stop: z.array(stopString).max(16).default([]).describe('Texts that end a completion, and are part of it.'),
  batch: positiveInt
    .default(64)
    .describe('Completions of a shard that are sampled together. The result of a run depends on it.'),
  shards: positiveInt
    .default(4)
    .describe('Shards of a step. The result of a run depends on it, but not on the number of workers that share them.'),
  staleness,
  score,
  maxLogprobGap,
});

/** Limits of the difference between log-probabilities of sampler and trainer. */
export type LogprobGapLimits = NonNullable<z.output<typeof maxLogprobGap>>;

/** The limits where the sampler is not the engine of this project, and the configuration has none. */
export const servedLogprobGap: LogprobGapLimits = { warn: 0.05, pause: 0.5 };

const schema = options.prefault({}).describe('How completions are sampled.');

interface Reads {
  readonly algorithm: Algorithm;
  readonly rollout: z.output<typeof schema>;
  readonly ppo?: Ppo | undefined;
  readonly dpo?: Dpo | undefined;
}

function check(
  {
    algorithm,
    rollout: { shards, promptsPerStep, samplesPerPrompt, staleness = 0, score = 'step', maxLogprobGap: gap },
    ppo,
    dpo,
  }: Reads,
  refuse: Refuse,
): void {
  if (gap !== undefined && gap.warn > gap.pause) {
    refuse(['rollout', 'maxLogprobGap', 'warn'], `at most rollout.maxLogprobGap.pause, which is ${gap.pause}`);
  }
  if (algorithm === 'dpo') {
    if (score === 'shard') refuse(['rollout', 'score'], 'step, since algorithm is dpo, which scores no completions');
    if (staleness > 0) refuse(['rollout', 'staleness'], '0, since algorithm is dpo, which samples no completions');
    const { pairsPerStep } = dpo ?? dpoDefaults;
    if (shards > pairsPerStep) refuse(['rollout', 'shards'], `at most dpo.pairsPerStep, which is ${pairsPerStep}`);
    return;
  }
  const { advantages } = ppo ?? ppoDefaults;
  if (advantages !== 'gae' && samplesPerPrompt < 2) {
    refuse(['rollout', 'samplesPerPrompt'], `at least 2, since ppo.advantages is ${advantages}`);
  }
  if (shards > promptsPerStep) {
    refuse(['rollout', 'shards'], `at most rollout.promptsPerStep, which is ${promptsPerStep}`);
  }
}

/** Returns `rollout.staleness`, the number of steps that sampling runs ahead of training. */
export function stalenessOf({ rollout }: { readonly rollout: Pick<z.output<typeof schema>, 'staleness'> }): number {
  return rollout.staleness ?? 0;
}

/** Sampling. */
export const rollout = { schema, check };
