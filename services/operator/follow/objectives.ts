/** The objectives of a TrainingRun's spec, with the addresses of their RewardServices. Pure functions. */
import { configSha256 } from '@gapo/service';
import type { RunObjective } from '../resource/trainingRun.js';
import type { RewardRegistry } from '../rewards/registry.js';
import type { Problem } from './problem.js';

/** An objective in the format of a run configuration. */
export type ConfiguredObjective = Omit<RunObjective, 'rewardService'>;

/** The objectives of a spec as sent to the coordinator. */
export interface WantedObjectives {
  readonly list: readonly ConfiguredObjective[];
  /** Changes if any of them changes, including its address. */
  readonly sha256: string;
}

/** The objectives of a spec, or why they cannot be used yet. */
export type Resolution = { readonly wanted: WantedObjectives } | { readonly problem: Problem };

/** The reason used while the operator has not read the RewardServices yet. */
export const unknownServices = 'RewardServicesUnknown';

/**
 * Replaces RewardServices in objectives by their addresses.
 *
 * @param registry undefined if the operator serves none
 */
export function resolved(
  objectives: readonly RunObjective[],
  registry: Pick<RewardRegistry, 'resolve'> | undefined,
): Resolution {
  const problems: Problem[] = [];
  const list = objectives.map(({ rewardService, ...objective }): ConfiguredObjective => {
    if (rewardService === undefined) return objective;
    const found = registry?.resolve(rewardService) ?? servesNone;
    if ('address' in found) return { ...objective, service: found.address };
    problems.push(found);
    return objective;
  });
  const [first] = problems;
  if (first === undefined) return { wanted: { list, sha256: configSha256(list) } };
  return { problem: { reason: first.reason, message: problems.map(({ message }) => message).join('; ') } };
}

const servesNone: Problem = {
  reason: 'RewardServicesOff',
  message: "this operator serves no RewardServices: set operator.rewardServices in the release's values",
};

/** Returns the names of the RewardServices used by objectives. */
export function rewardServicesOf(objectives: readonly RunObjective[] = []): string[] {
  return objectives.flatMap(({ rewardService }) => rewardService ?? []);
}
