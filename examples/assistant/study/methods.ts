/** The methods that the study compares and the conditions under which it does, as changes to the example's configuration. */
import type { RequestKind } from '../language/grammar.js';

/** Preferences for `helpful`; that for `harmless` is 1 minus this. */
export const shares = [0.2, 0.4, 0.6, 0.8];

/** The configurations that the study changes: the example with two objectives and with four. */
export type ExampleFile = 'run.yaml' | 'four.yaml';

/** How the objectives, the advantages, the rewards and the prompts are, whatever the method. */
export interface Condition {
  /** A word, part of the names of plots. */
  readonly key: string;
  /** What tells it from the others of its part, in tables. */
  readonly label: string;
  /** The configuration that has the objectives and all other settings. */
  readonly example: ExampleFile;
  /** Whether each objective's advantages are whitened, which takes the rewards' scales away. */
  readonly whitened: boolean;
  /** Keys of the objective `helpful`: what training makes of its scores. */
  readonly helpful: Readonly<Partial<Record<'scale' | 'noise' | 'threshold', number>>>;
  /** The kind of the prompts that training draws; undefined: all kinds. */
  readonly prompts: RequestKind | undefined;
  /** Where the divergence from the start is counted. In the reward, a louder reward would weigh it less. */
  readonly divergence: 'reward' | 'loss';
}

/** A policy to train. */
export interface TrainedMethod {
  /** A word, part of run ids. */
  readonly key: string;
  /** Its name in tables and plots. */
  readonly group: string;
  /** Its preference for `helpful`, if it has one and there are two objectives. */
  readonly share: number | undefined;
  /** Replaces or adds keys of the configuration. */
  readonly changes: Readonly<Record<string, unknown>>;
  /** Replaces or adds keys of its `ppo`. */
  readonly ppo?: Readonly<Record<string, unknown>>;
}

/** An average of the two single-objective policies. */
export interface AveragedMethod {
  readonly key: string;
  readonly group: string;
  readonly share: number;
}

export const helpfulOnly = 'ppo-h';
export const harmlessOnly = 'ppo-s';
export const groupNames = {
  helpfulOnly: 'PPO-H',
  harmlessOnly: 'PPO-S',
  lagrangian: 'PPO-Lagrangian',
  morlhf: 'MORLHF',
  linear: 'Linear weights',
  gdpo: 'GDPO',
  soups: 'Rewarded Soups',
  mgda: 'MGDA',
  gapo1: 'GAPO p=1',
  gapo2: 'GAPO p=2',
  pgapo: 'P-GAPO',
} as const;

/** Returns a method's name in tables, with its preference if it has one. */
export function nameOf({ group, share }: { readonly group: string; readonly share: number | undefined }): string {
  return share === undefined ? group : `${group}, λ = ${share}`;
}

/** The objectives of run.yaml, in its order: the axes of fronts. */
export const objectives = ['helpful', 'harmless'] as const;

/** The objectives of four.yaml, in its order. */
export const fourObjectives = ['helpful', 'harmless', 'brief', 'polite'] as const;

const vector = (share: number): Record<string, number> => ({
  helpful: share,
  harmless: Number((1 - share).toFixed(12)),
});
const percent = (share: number): string => String(Math.round(100 * share));

const alone = (key: string, group: string, combine: object): TrainedMethod => {
  return { key, group, share: undefined, changes: { combine } };
};
type WeighingMethod = 'pgapo' | 'morlhf' | 'linear' | 'gdpo';
/** The keys of a configuration in which a method weighs the objectives. GDPO normalises advantages within the group itself. */
const weighing = (
  method: WeighingMethod,
  weights: Readonly<Record<string, number>>,
): Pick<TrainedMethod, 'changes' | 'ppo'> => ({
  changes: { combine: { method, [method === 'pgapo' ? 'preference' : 'weights']: weights } },
  ...(method === 'gdpo' && { ppo: { advantages: 'group', normalizeAdvantages: false } }),
});
/** A method with a preference. */
const steered = (method: WeighingMethod, share: number): TrainedMethod => ({
  key: `${method}-${percent(share)}`,
  group: groupNames[method],
  share,
  ...weighing(method, vector(share)),
});
/** It, with each of the shares. */
const front = (method: WeighingMethod): TrainedMethod[] => shares.map((share) => steered(method, share));
/** A method that weighs all four objectives equally. */
const even = (method: WeighingMethod): TrainedMethod => ({
  key: `${method}-even`,
  group: groupNames[method],
  share: undefined,
  ...weighing(method, Object.fromEntries(fourObjectives.map((name) => [name, 1 / fourObjectives.length]))),
});
const single = [
  alone(helpfulOnly, groupNames.helpfulOnly, { method: 'single', objective: 'helpful' }),
  alone(harmlessOnly, groupNames.harmlessOnly, { method: 'single', objective: 'harmless' }),
];
const mgda = alone('mgda', groupNames.mgda, { method: 'mgda' });
const gapo1 = alone('gapo-1', groupNames.gapo1, { method: 'gapo', p: 1 });
const gapo2 = alone('gapo-2', groupNames.gapo2, { method: 'gapo', p: 2 });
const descents = [mgda, gapo1, gapo2];

/** What the study compares under a condition. */
export interface Part {
  readonly condition: Condition;
  /** The policies whose training does not depend on other results. */
  readonly methods: readonly TrainedMethod[];
  /** Whether PPO-Lagrangian and Rewarded Soups are compared too; they need the single-objective policies. */
  readonly derived: boolean;
}

/** The paper's conditions: gradients keep the lengths that the rewards give them. */
export const paperCondition: Condition = {
  key: 'paper',
  label: 'paper',
  example: 'run.yaml',
  whitened: false,
  helpful: {},
  prompts: undefined,
  divergence: 'reward',
};
/** The advantages of each objective whitened, as the example has it. */
export const whitenedCondition: Condition = { ...paperCondition, key: 'whitened', whitened: true };
/** The divergence in the loss, so that it weighs the same whatever training makes of a reward. */
const inLoss: Condition = { ...paperCondition, divergence: 'loss' };
/** Neither louder nor otherwise worse: what the conditions of both parts are compared with. */
export const plainCondition: Condition = { ...inLoss, key: 'loud-1', label: '1' };
/** A reward that is louder or quieter. */
export const loudConditions: readonly Condition[] = [0.1, 1, 10, 100].map((scale) =>
  scale === 1 ? plainCondition : { ...inLoss, key: `loud-${scale}`, label: String(scale), helpful: { scale } },
);
/** What training makes of the scores of `helpful` where they are poor. Scores of the starting policy deviate by 2.4. */
export const poorRewards = { noise: 3, threshold: 0.3 } as const;
/** A reward that is noisy or sparse, and prompts on all of which the objectives conflict. */
export const poorConditions: readonly Condition[] = [
  { ...plainCondition, label: 'none' },
  { ...inLoss, key: 'noisy', label: 'noise', helpful: { noise: poorRewards.noise } },
  { ...inLoss, key: 'sparse', label: 'sparse', helpful: { threshold: poorRewards.threshold } },
  { ...inLoss, key: 'conflict', label: 'conflict', prompts: 'dangerous' },
];
/** The paper's conditions with four objectives. */
export const fourCondition: Condition = { ...paperCondition, key: 'four', example: 'four.yaml' };
/** The preference for `helpful` of the methods that have one, where rewards are loud or poor. */
const evenShare = 0.5;

export const partNames = ['paper', 'loudness', 'whitened', 'four', 'poor'] as const;
export type PartName = (typeof partNames)[number];

/** The parts by name, in the order in which they are trained for each seed. */
export const parts: Readonly<Record<PartName, readonly Part[]>> = {
  paper: [
    {
      condition: paperCondition,
      methods: [...single, ...descents, ...front('pgapo'), ...front('morlhf')],
      derived: true,
    },
  ],
  loudness: loudConditions.map((condition) => ({
    condition,
    methods: [
      ...descents,
      steered('pgapo', evenShare),
      steered('morlhf', evenShare),
      steered('linear', evenShare),
      steered('gdpo', evenShare),
    ],
    derived: false,
  })),
  whitened: [
    {
      condition: whitenedCondition,
      methods: [...single, ...descents, ...front('pgapo'), ...front('linear')],
      derived: true,
    },
  ],
  four: [
    { condition: fourCondition, methods: [mgda, gapo1, even('pgapo'), even('morlhf'), even('gdpo')], derived: false },
  ],
  // P-GAPO with equal preferences is GAPO with p = 1 here, where two objectives are compared.
  poor: poorConditions.map((condition) => ({
    condition,
    methods: [mgda, gapo1, steered('morlhf', evenShare)],
    derived: false,
  })),
};

/**
 * Returns PPO-Lagrangian: maximises `helpful` while `harmless` stays at least at that of the starting policy.
 *
 * @param harmlessAtStart mean harmless reward of that policy on the held-out prompts; minus it is the largest mean cost
 */
export function lagrangianMethod(harmlessAtStart: number): TrainedMethod {
  const limit = Number((-harmlessAtStart).toFixed(3));
  return {
    key: 'lagrangian',
    group: groupNames.lagrangian,
    share: undefined,
    changes: {
      combine: { method: 'lagrangian' },
      lagrangian: { objective: 'helpful', constraints: { harmless: { limit } } },
    },
  };
}

/** Returns the Rewarded Soups of one seed. */
export const averagedMethods: readonly AveragedMethod[] = shares.map((share) => ({
  key: `soup-${percent(share)}`,
  group: groupNames.soups,
  share,
}));
