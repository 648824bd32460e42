/** The reward services of a run: each connected when one of its objectives is first in force, and known from then on. */
import type { ObjectiveConfig, RunConfig } from '@gapo/config';
import { grpcTarget, UserError, type Logger } from '@gapo/service';
import { PauseNeeded } from '../state/interruption.js';
import type { RewardAddresses } from './rewardAddresses.js';
import { RewardSource } from './rewardSource.js';
import type { ScoredObjective } from './scoring.js';

/** Where reward services are, and where their warnings go. */
export interface RewardPlatform {
  readonly rewards: RewardAddresses;
  readonly log: Logger;
}

/** Whether training asks reward services; an evaluation always does. */
export function needsRewards({ algorithm }: Pick<RunConfig, 'algorithm'>): boolean {
  return algorithm === 'ppo';
}

/** Connections by objective. One whose objective was removed is idle, and there again if the objective comes back. */
export class RewardServices {
  readonly #platform: RewardPlatform;
  /** By the objective with its settings. */
  readonly #sources = new Map<string, RewardSource>();

  constructor(platform: RewardPlatform) {
    this.#platform = platform;
  }

  /**
   * Those of objectives, in their order.
   *
   * @throws UserError for one whose service's address is not known
   */
  of(objectives: readonly ObjectiveConfig[]): ScoredObjective[] {
    return objectives.map((objective) => ({ onFailure: objective.onFailure, source: this.#sourceOf(objective) }));
  }

  /** Those of a configuration's objectives; with algorithm: dpo only of the ones that have a service, for evaluations. */
  ofConfig(config: RunConfig): ScoredObjective[] {
    if (needsRewards(config)) return this.of(config.objectives);
    return this.of(config.objectives.filter(({ service }) => this.#targetOf(service) !== undefined));
  }

  /** Gives up the connections. */
  close(): void {
    for (const source of this.#sources.values()) source.close();
  }

  #sourceOf(objective: ObjectiveConfig): RewardSource {
    const { name, service, timeoutSeconds, hedgeAfterSeconds } = objective;
    const key = JSON.stringify([name, service, timeoutSeconds, hedgeAfterSeconds]);
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    const target = this.#targetOf(service);
    if (target === undefined) {
      throw new UserError(
        `objective ${name}: REWARD_SERVICES has no "${service}"; start the coordinator with ${service}=host:port in it`,
      );
    }
    const source = new RewardSource({
      objective: name,
      target,
      timeoutMs: timeoutSeconds * 1000,
      hedgeAfterMs: hedgeAfterSeconds && hedgeAfterSeconds * 1000,
      log: this.#platform.log,
    });
    this.#sources.set(key, source);
    return source;
  }

  #targetOf(service: string): string | undefined {
    const target = this.#platform.rewards.of(service) ?? service;
    return grpcTarget.safeParse(target).success ? target : undefined;
  }
}

/**
 * Asks every reward service what it is.
 *
 * @throws UserError naming the objective and the address of one that does not answer, or is for another objective
 */
export async function describeRewards(objectives: readonly ScoredObjective[], signal?: AbortSignal): Promise<void> {
  await Promise.all(objectives.map(({ source }) => source.describe(signal)));
}

/**
 * The same for objectives that come into force while the run trains.
 *
 * @throws PauseNeeded as {@link describeRewards}
 */
export async function meetRewards(objectives: readonly ScoredObjective[], signal: AbortSignal): Promise<void> {
  try {
    await describeRewards(objectives, signal);
  } catch (error) {
    if (error instanceof UserError) throw new PauseNeeded(`${error.message}; then resume the run`, { cause: error });
    throw error;
  }
}

/**
 * Asks the services of objectives that are not in force yet what they are, over connections of their own.
 *
 * @throws UserError as {@link describeRewards}
 */
export async function tryRewards(platform: RewardPlatform, objectives: readonly ObjectiveConfig[]): Promise<void> {
  const services = new RewardServices(platform);
  try {
    await describeRewards(services.of(objectives));
  } finally {
    services.close();
  }
}
