/** The methods that the study compares, as changes to the example's configuration. */

/** Preferences for `helpful`; that for `harmless` is 1 minus this. */
export const shares = [0.2, 0.4, 0.6, 0.8];

/** A policy to train. */
export interface TrainedMethod {
  /** A word, part of run ids. */
  key: string;
  /** Its name in tables and plots. */
  group: string;
  /** Its preference for `helpful`, if it has one. */
  share: number | undefined;
  /** Replaces or adds keys of the configuration. */
  changes: Record<string, unknown>;
}

/** An average of the two single-objective policies. */
export interface AveragedMethod {
  key: string;
  group: string;
  share: number;
}

export const helpfulOnly = 'ppo-h';
export const harmlessOnly = 'ppo-s';
export const groupNames = {
  helpfulOnly: 'PPO-H',
  harmlessOnly: 'PPO-S',
  lagrangian: 'PPO-Lagrangian',
  linear: 'MORLHF',
  soups: 'Rewarded Soups',
  mgda: 'MGDA',
  gapo1: 'GAPO p=1',
  gapo2: 'GAPO p=2',
  pgapo: 'P-GAPO',
} as const;

const vector = (share: number): Record<string, number> => ({
  helpful: share,
  harmless: Number((1 - share).toFixed(12)),
});
const percent = (share: number): string => String(Math.round(100 * share));

/** Returns the policies of one seed whose training does not depend on other results. */
export function trainedMethods(): TrainedMethod[] {
  const alone = (key: string, group: string, changes: Record<string, unknown>): TrainedMethod => {
    return { key, group, share: undefined, changes };
  };
  return [
    alone(helpfulOnly, groupNames.helpfulOnly, { combine: { method: 'single', objective: 'helpful' } }),
    alone(harmlessOnly, groupNames.harmlessOnly, { combine: { method: 'single', objective: 'harmless' } }),
    alone('mgda', groupNames.mgda, { combine: { method: 'mgda' } }),
    alone('gapo-1', groupNames.gapo1, { combine: { method: 'gapo', p: 1 } }),
    alone('gapo-2', groupNames.gapo2, { combine: { method: 'gapo', p: 2 } }),
    ...shares.map((share) => ({
      key: `pgapo-${percent(share)}`,
      group: groupNames.pgapo,
      share,
      changes: { combine: { method: 'pgapo', preference: vector(share) } },
    })),
    ...shares.map((share) => ({
      key: `linear-${percent(share)}`,
      group: groupNames.linear,
      share,
      changes: { combine: { method: 'linear', weights: vector(share) } },
    })),
  ];
}

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
