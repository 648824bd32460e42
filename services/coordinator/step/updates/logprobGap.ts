/**
 * Limits how far the sampler's log-probabilities may be from the trainer's. Engines other than the native one round differently,
 * and a wrong engine setting looks just like learning: the PPO ratio is off by the gap.
 */
import { servedLogprobGap, type LogprobGapLimits, type RunConfig } from '@gapo/config';
import { PauseNeeded } from '../../state/interruption.js';
import { engineOf } from '../../workers/agreement.js';
import type { RolloutPool } from '../../workers/rollouts.js';

/** What the limits depend on. */
export interface GapContext {
  readonly config: RunConfig;
  readonly step: number;
  readonly workers: { readonly rollout: Pick<RolloutPool, 'reference'> };
}

/** Returns the limits of a run; undefined if it has none. */
function limitsOf({ config, workers }: GapContext): LogprobGapLimits | undefined {
  if (config.algorithm !== 'ppo') return undefined; // pairs have no sampler
  const isNative = engineOf(workers.rollout.reference?.environment ?? {}) === 'native';
  return config.rollout.maxLogprobGap ?? (isNative ? undefined : servedLogprobGap);
}

/** @throws PauseNeeded if the gap is above the limit for a pause */
export function assertLogprobGap(context: GapContext, gap: number): void {
  const limits = limitsOf(context);
  if (limits === undefined || gap <= limits.pause) return;
  throw new PauseNeeded(
    `step ${context.step}: ${described(context, gap)}, above rollout.maxLogprobGap.pause of ${limits.pause}; check that the sampler ` +
      "has the run's model and adapter, and returns log-probabilities after the temperature",
    { waitingFor: 'log-probabilities of the sampler that are the trainer’s', check: async () => undefined },
  );
}

/** Returns a warning about the gap of a step; undefined if it is within the limit. */
export function logprobGapWarning(context: GapContext, gap: number): string | undefined {
  const limits = limitsOf(context);
  if (limits === undefined || gap <= limits.warn) return undefined;
  return `step ${context.step}: ${described(context, gap)}, above rollout.maxLogprobGap.warn of ${limits.warn}`;
}

function described({ workers }: GapContext, gap: number): string {
  const engine = engineOf(workers.rollout.reference?.environment ?? {});
  return `a token's log-probability at the rollout workers (engine ${engine}) is ${gap.toPrecision(3)} from the trainer's`;
}
