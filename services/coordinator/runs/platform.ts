/** What all runs share: worker pools, addresses of reward services, processes that read data, the event bus, trackers. */
import type { EventBus } from '@gapo/events';
import { isLoopback } from '@gapo/rpc';
import { DataReader } from '@gapo/run-data';
import type { Logger } from '@gapo/service';
import { defaultProjectDirectories, ProjectDirectories } from '../data/projectDirectories.js';
import { RewardAddresses } from '../scoring/rewardAddresses.js';
import { defaultRewardAllow } from '../scoring/rewardAllow.js';
import { createTracking, type Tracking, type TrackingSettings } from '../tracking/tracking.js';
import type { GradientPool } from '../workers/gradients.js';
import type { RolloutPool } from '../workers/rollouts.js';
import { WorkerPool } from '../workers/workers.js';
import type { AdmissionLimits } from './admission.js';

export interface Platform {
  readonly rollout: RolloutPool;
  readonly gradient: GradientPool;
  readonly rewards: RewardAddresses;
  /** How long, in milliseconds, a reward service may take to recover. */
  readonly rewardRetryMs: number;
  readonly data: DataReader;
  readonly projects: ProjectDirectories;
  readonly bus: EventBus;
  readonly tracking: Tracking;
  /** Limits on new runs. */
  readonly admission: AdmissionLimits;
  readonly log: Logger;
}

/** The settings that a platform uses. */
export interface PlatformSettings extends TrackingSettings {
  readonly LISTEN: string;
  readonly DATA_DIR: string;
  readonly ROLLOUT_WORKERS: readonly string[];
  readonly GRADIENT_WORKERS: readonly string[];
  readonly REWARD_SERVICES: readonly string[];
  readonly REWARD_RETRY_SECONDS: number;
  readonly PROJECT_DIRS?: readonly string[] | undefined;
  readonly REWARD_ALLOW?: readonly string[] | undefined;
  readonly WORKER_DEADLINE_SECONDS: number;
  readonly WORKER_LEASE_SECONDS: number;
  readonly UNLIKE_WORKERS: 'refuse' | 'allow';
  readonly WORKER_WAIT_SECONDS: number;
  readonly DATA_SECONDS: number;
  readonly DATA_MEMORY_MIB: number;
  readonly MAX_RUNS: number;
  readonly MAX_ACTIVE_RUNS: number;
  readonly CREATE_RUNS_PER_MINUTE: number;
}

/** Creates the platform. It connects to workers on their first job. */
export function createPlatform(settings: PlatformSettings, bus: EventBus, log: Logger): Platform {
  const limits = {
    deadlineMs: settings.WORKER_DEADLINE_SECONDS * 1000,
    leaseMs: settings.WORKER_LEASE_SECONDS * 1000,
    allowUnlike: settings.UNLIKE_WORKERS === 'allow',
    waitMs: settings.WORKER_WAIT_SECONDS * 1000,
    log,
  };
  const isLocal = isLoopback(settings.LISTEN.replace(/:\d+$/, ''));
  return {
    rollout: new WorkerPool({
      service: 'gapo.rollout.v1.RolloutService',
      targets: settings.ROLLOUT_WORKERS,
      what: 'rollout worker',
      setting: 'ROLLOUT_WORKERS',
      ...limits,
    }),
    gradient: new WorkerPool({
      service: 'gapo.gradient.v1.GradientService',
      targets: settings.GRADIENT_WORKERS,
      what: 'gradient worker',
      setting: 'GRADIENT_WORKERS',
      ...limits,
    }),
    rewards: new RewardAddresses(settings.REWARD_SERVICES, settings.REWARD_ALLOW ?? defaultRewardAllow(isLocal)),
    rewardRetryMs: settings.REWARD_RETRY_SECONDS * 1000,
    projects: new ProjectDirectories([
      ...(settings.PROJECT_DIRS ?? defaultProjectDirectories(settings.DATA_DIR)),
      settings.DATA_DIR, // a run may start from another run's adapter
    ]),
    data: new DataReader({ limitMs: settings.DATA_SECONDS * 1000, memoryMiB: settings.DATA_MEMORY_MIB }),
    bus,
    tracking: createTracking(settings, log),
    admission: {
      mostRuns: settings.MAX_RUNS,
      mostActive: settings.MAX_ACTIVE_RUNS,
      perMinute: settings.CREATE_RUNS_PER_MINUTE,
    },
    log,
  };
}
