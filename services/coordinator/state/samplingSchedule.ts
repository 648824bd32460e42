/**
 * Which version each step's completions are sampled from. With `rollout.staleness` S, sampling runs S steps ahead: step n trains on
 * completions of the policy after step n − 1 − S, however fast the machine is. The first 1 + S steps are sampled from version 0.
 */
import { stalenessOf, updatesPerStep, type RunConfig } from '@gapo/config';

type Scheduled = Pick<RunConfig, 'steps' | 'rollout' | 'ppo'>;

/** Returns the version that the completions of a step are sampled from. @param step counts from 1 */
export function sampledVersion(config: Scheduled, step: number): number {
  return Math.max(0, step - 1 - stalenessOf(config)) * updatesPerStep(config);
}

/** Returns the steps whose sampling may have started when a step begins: that step, and up to S later ones. */
export function stepsInFlight(config: Scheduled, step: number): readonly number[] {
  const last = Math.min(step + stalenessOf(config), config.steps);
  return Array.from({ length: last - step + 1 }, (_, i) => step + i);
}

/**
 * Returns the versions that the state after a step needs besides version 0 and the newest: at most S versions from which later steps
 * are sampled, oldest first.
 */
export function earlierVersions(config: Scheduled, step: number): readonly number[] {
  const newest = step * updatesPerStep(config);
  return stepsInFlight(config, step + 1)
    .map((later) => sampledVersion(config, later))
    .filter((version) => version > 0 && version < newest);
}
