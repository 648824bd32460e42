/** The reward services of a run. Each is connected when an objective first uses it. */
import type { ObjectiveConfig, RunConfig } from '@gapo/config';
import { UserError, type Logger } from '@gapo/service';
import { allFaults, PauseNeeded } from '../state/interruption.js';
import type { RewardAddresses } from './rewardAddresses.js';
import { RewardSource, type Patience } from './rewardSource.js';
import type { ScoredObjective } from './scoring.js';

/** Addresses of reward services, and a logger. */
export interface RewardPlatform {
  readonly rewards: RewardAddresses;
  /** How long, in milliseconds, a reward service may take to start or recover. */
  readonly rewardRetryMs: number;
  readonly log: Logger;
}

/** Whether training calls reward services. Evaluations always do. */
export function needsRewards({ algorithm }: Pick<RunConfig, 'algorithm'>): boolean {
  return algorithm === 'ppo';
}

/** Connections by objective. An objective that is removed and added again reuses its connection. */
export class RewardServices {
  readonly #platform: RewardPlatform;
  /** By the objective's settings. */
  readonly #sources = new Map<string, RewardSource>();

  constructor(platform: RewardPlatform) {
    this.#platform = platform;
  }

  /**
   * Returns objectives with their services, in order.
   *
   * @throws UserError for a service without an address, or with one that is not allowed
   */
  of(objectives: readonly ObjectiveConfig[]): ScoredObjective[] {
    return objectives.map((objective) => ({ onFailure: objective.onFailure, source: this.#sourceOf(objective) }));
  }

  /** Returns a configuration's objectives with their services. With algorithm: dpo, omits those without a service. */
  ofConfig(config: RunConfig): ScoredObjective[] {
    if (needsRewards(config)) return this.of(config.objectives);
    return this.of(config.objectives.filter(({ service }) => this.#platform.rewards.targetOf(service) !== undefined));
  }

  /** Closes all connections. */
  close(): void {
    for (const source of this.#sources.values()) source.close();
  }

  #sourceOf(objective: ObjectiveConfig): RewardSource {
    const { name, service, timeoutSeconds, hedgeAfterSeconds, text } = objective;
    const key = JSON.stringify([name, service, timeoutSeconds, hedgeAfterSeconds, text]);
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    const target = this.#platform.rewards.targetOf(service);
    if (target === undefined) {
      throw new UserError(
        `objective ${name}: REWARD_SERVICES has no "${service}"; start the coordinator with ${service}=host:port in it`,
      );
    }
    const source = new RewardSource({
      objective: name,
      target,
      timeoutMs: timeoutSeconds * 1000,
      retryMs: this.#platform.rewardRetryMs,
      hedgeAfterMs: hedgeAfterSeconds && hedgeAfterSeconds * 1000,
      text,
      log: this.#platform.log,
    });
    this.#sources.set(key, source);
    return source;
  }
}

async function describeAll(
  objectives: readonly ScoredObjective[],
  patience: Patience,
  signal?: AbortSignal,
): Promise<void> {
  await Promise.all(objectives.map(({ source }) => source.describe(patience, signal)));
}

/**
 * Asks every reward service to describe itself, on behalf of a user's request. Waits only for servers that listen but are not
 * ready.
 *
 * @throws UserError naming a service that does not answer or scores another objective
 */
export async function describeRewards(objectives: readonly ScoredObjective[], signal?: AbortSignal): Promise<void> {
  await describeAll(objectives, 'starting', signal);
}

/**
 * Asks every reward service of an existing run to describe itself. Waits for those that do not answer: they are expected to come
 * back.
 *
 * @throws PauseNeeded in place of the UserError of {@link describeRewards}
 */
export async function describeRewardsOrPause(
  objectives: readonly ScoredObjective[],
  signal: AbortSignal,
): Promise<void> {
  try {
    await describeAll(objectives, 'any', signal);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new PauseNeeded(error.message, allFaults(objectives.map(({ source }) => source.fault())), { cause: error });
  }
}

/**
 * Checks the services of objectives that do not apply yet, over temporary connections.
 *
 * @throws UserError as {@link describeRewards}
 */
export async function checkRewards(platform: RewardPlatform, objectives: readonly ObjectiveConfig[]): Promise<void> {
  const services = new RewardServices(platform);
  try {
    await describeRewards(services.of(objectives));
  } finally {
    services.close();
  }
}
