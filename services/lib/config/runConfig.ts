/** The run configuration: one YAML file, validated whole; every default is here and nowhere else. */
import { loraTargets } from '@gapo/model';
import {
  directory,
  nonNegativeInt,
  nonNegativeNumber,
  parseYaml,
  positiveInt,
  positiveNumber,
  seed,
  word,
  z,
} from '@gapo/service';
import { checkCombination, combine, lagrangian, type Refuse } from './combineConfig.js';
import { checkObjectives, objective, withService, type ObjectiveConfig, type ServiceNames } from './objectiveConfig.js';
import { checkSurrogate, data, dpo, gae, kl, ppo } from './ppoConfig.js';

const decay = z.number().min(0).lt(1).meta({ expected: 'a number of at least 0 and under 1' });

const lora = z.strictObject({
  /** Rank of the adapters. @default 16 */
  rank: positiveInt.default(16),
  /** The adapters' output is scaled by alpha / rank. @default 32 */
  alpha: positiveNumber.default(32),
  /** Linear maps with an adapter, by the last part of their names, or all of the model's. @default all-linear */
  targets: z
    .union([z.literal('all-linear'), z.array(z.enum(loraTargets)).min(1)])
    .meta({ expected: `all-linear, or a list of ${loraTargets.join(', ')}` })
    .default('all-linear'),
});

const policy = z.strictObject({
  /** A Hugging Face model directory; relative paths start at the configuration's directory. */
  model: directory,
  /** What is trained: low-rank adapters, or every weight. @default lora */
  train: z.enum(['lora', 'full']).default('lora'),
  /** Only with train: lora. */
  lora: lora.optional(),
  /** A PEFT adapter of the model to start from; lora must agree with it, or be left out. Only with train: lora. */
  adapter: directory.optional(),
});

const stopString = z.string().min(1).max(256).meta({ expected: 'a text of 1 to 256 characters' });

const rollout = z.strictObject({
  /** Prompts of a step. @default 32 */
  promptsPerStep: positiveInt.default(32),
  /** Completions of each prompt. @default 4 */
  samplesPerPrompt: positiveInt.default(4),
  /** Divides the logits when sampling and training. @default 1 */
  temperature: positiveNumber.default(1),
  /** Longest completion in tokens, the end-of-sequence token included. @default 48 */
  maxNewTokens: positiveInt.default(48),
  /** Only so many of the most probable tokens are drawn, and those as probable as the last of them; 0: all. @default 0 */
  topK: nonNegativeInt.default(0),
  /** Only the most probable tokens whose probabilities first sum to this are drawn; 1: all. @default 1 */
  topP: z.number().gt(0).max(1).meta({ expected: 'a number above 0 and at most 1' }).default(1),
  /** Only tokens at least this many times as probable as the most probable one are drawn; 0: all. @default 0 */
  minP: z.number().min(0).max(1).meta({ expected: 'a number between 0 and 1' }).default(0),
  /** Logits of tokens that a completion or its prompt has are divided by this where positive, else multiplied. @default 1 */
  repetitionPenalty: positiveNumber.default(1),
  /** A completion ends with the token that completes one of these texts. @default none */
  stop: z.array(stopString).max(16).default([]),
  /** Completions of a shard that are sampled at once; the others wait until one ends. Part of the result. @default 64 */
  batch: positiveInt.default(64),
  /** Pieces that a step's prompts are split into; part of the result, unlike the number of workers. @default 4 */
  shards: positiveInt.default(4),
});

const optimizer = z.strictObject({
  /** Peak step size of AdamW. @default 1e-4 */
  learningRate: positiveNumber.default(1e-4),
  /** Decay rates of the running means. @default [0.9, 0.95] */
  betas: z.tuple([decay, decay]).default([0.9, 0.95]),
  /** Added to the root of the second moment. @default 1e-8 */
  epsilon: positiveNumber.default(1e-8),
  /** Decoupled decay. @default 0 */
  weightDecay: nonNegativeNumber.default(0),
  /** The update is scaled to at most this norm. @default 1 */
  maxGradNorm: positiveNumber.default(1),
  /** Course of the learning rate over the run's updates. @default constant */
  schedule: z.enum(['constant', 'linear', 'cosine']).default('constant'),
  /** Updates of linear warm-up. @default 0 */
  warmupSteps: nonNegativeInt.default(0),
});

const compute = z.strictObject({
  /**
   * What matrix products are computed in. float16 is for GPUs: a processor has no such products, and computes them in
   * float32 from rounded weights.
   * @default float32
   */
  precision: z.enum(['float32', 'float16']).default('float32'),
  /** MiB for what the forward and backward pass of a micro-batch keeps; a shard that needs more is split. @default 2048 */
  memoryBudget: positiveInt.default(2048),
  /** Whether backward passes compute each layer again instead of keeping what it computed. @default false */
  recompute: z.boolean().meta({ expected: 'true or false' }).default(false),
});

const checkpoints = z.strictObject({
  /** Steps between checkpoints; pauses and ends write one besides. @default 20 */
  every: positiveInt.default(20),
  /** How many are kept. @default 3 */
  keep: positiveInt.default(3),
});

const evaluation = z.strictObject({
  /** Temperature of its completions; 0 takes the most probable token. @default 1 */
  temperature: nonNegativeNumber.default(1),
  /** Completions of each held-out prompt. @default 1 */
  samplesPerPrompt: positiveInt.default(1),
  /** Its own seed. @default 1 */
  seed: seed.default(1),
});

/** The whole file, before the rules between fields. */
export const shape = z.strictObject({
  /** A word; the run's id is it and the time, unless given. */
  name: word,
  /** Seed of everything random. @default 0 */
  seed: seed.default(0),
  /** ppo: completions are sampled and scored. dpo: pairs of completions with labels are learned from. @default ppo */
  algorithm: z.enum(['ppo', 'dpo']).default('ppo'),
  /** Training steps. */
  steps: positiveInt,
  policy,
  data,
  rollout: rollout.prefault({}),
  objectives: z.array(objective).min(1),
  combine: combine.prefault({ method: 'gapo' }),
  /** Only with combine.method lagrangian. */
  lagrangian: lagrangian.optional(),
  /** Only with algorithm: ppo, with its defaults. */
  ppo: ppo.optional(),
  /** Only with algorithm: ppo, with its defaults. */
  kl: kl.optional(),
  /** Only with algorithm: dpo, with its defaults. */
  dpo: dpo.optional(),
  /** Coefficient of the entropy bonus. @default 0 */
  entropyCoefficient: nonNegativeNumber.default(0),
  optimizer: optimizer.prefault({}),
  /** How workers compute; part of the result. */
  compute: compute.prefault({}),
  checkpoints: checkpoints.prefault({}),
  evaluation: evaluation.prefault({}),
});

type Shape = z.output<typeof shape>;

/** PPO's options with every default filled in. */
type Ppo = Omit<NonNullable<Shape['ppo']>, 'normalizeAdvantages'> & { normalizeAdvantages: boolean };

/** A run configuration with every default filled in. */
export type RunConfig = Omit<Shape, 'objectives' | 'ppo' | 'kl'> & {
  objectives: ObjectiveConfig[];
  ppo: Ppo;
  /** With algorithm: dpo its coefficient is 0. */
  kl: NonNullable<Shape['kl']>;
};

/** Optimiser updates of one step. */
export function updatesPerStep({ ppo: { epochs, minibatches } }: Pick<RunConfig, 'ppo'>): number {
  return epochs * minibatches;
}

/** The objectives' names, in order. */
export function objectiveNames(config: RunConfig): string[] {
  return config.objectives.map(({ name }) => name);
}

/**
 * Parses and checks a run configuration.
 *
 * @param source the file's name as the person knows it; it begins every line of an error
 * @param services names of the reward services that this coordinator knows; undefined takes any name
 * @throws ConfigError with every problem: its path, what was found, what is expected
 */
export function parseRunConfig(text: string, source: string, services: ServiceNames | undefined): RunConfig {
  const checked = shape.superRefine((config, context) => {
    const refuse: Refuse = (path, message) => context.addIssue({ code: 'custom', path, message });
    // Pairs need no rewards; an evaluation looks for its services itself.
    checkObjectives(config.objectives, config.algorithm === 'ppo' ? services : undefined, refuse);
    checkCombination(
      config.combine,
      config.lagrangian,
      config.objectives.map(({ name }) => name),
      refuse,
    );
    checkSurrogate(config, refuse);
    checkNumbers(config, refuse);
  });
  return withDependentDefaults(parseYaml(checked, text, { source }));
}

function checkNumbers(config: Shape, refuse: Refuse): void {
  const { optimizer, policy } = config;
  if (policy.train === 'full' && policy.lora !== undefined) {
    refuse(['policy', 'lora'], 'no lora, since policy.train is full');
  }
  if (policy.train === 'full' && policy.adapter !== undefined) {
    refuse(['policy', 'adapter'], 'no adapter, since policy.train is full');
  }
  const updates = config.steps * (config.ppo?.epochs ?? 1) * (config.ppo?.minibatches ?? 1);
  if (optimizer.schedule !== 'constant' && optimizer.warmupSteps >= updates) {
    refuse(['optimizer', 'warmupSteps'], `under the run's ${updates} updates, since the schedule is not constant`);
  }
  if (optimizer.learningRate * optimizer.weightDecay >= 1) {
    refuse(['optimizer', 'weightDecay'], 'less than 1 / learningRate');
  }
}

/** Whether adapters are trained of which nothing is said, here or in files. */
function needsLora({ train, lora, adapter }: Shape['policy']): boolean {
  return train === 'lora' && lora === undefined && adapter === undefined;
}

/** Fills in what depends on another choice: lora with train: lora, gae with advantages: gae, an objective's service. */
function withDependentDefaults(config: Shape): RunConfig {
  const { algorithm, policy: trained } = config;
  const surrogate = config.ppo ?? ppo.parse({});
  const { advantages, normalizeAdvantages = advantages !== 'group' } = surrogate;
  return {
    ...config,
    policy: { ...trained, ...(needsLora(trained) && { lora: lora.parse({}) }) },
    ppo: {
      ...surrogate,
      normalizeAdvantages,
      ...(advantages === 'gae' && { gae: surrogate.gae ?? gae.parse({}) }),
    },
    kl: config.kl ?? kl.parse(algorithm === 'dpo' ? { coefficient: 0 } : {}),
    ...(algorithm === 'dpo' && { dpo: config.dpo ?? dpo.parse({}) }),
    objectives: config.objectives.map(withService),
  };
}
