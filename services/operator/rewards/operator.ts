/**
 * The leader's work on rewards: a follower for each RewardService, which is also notified when its objects change.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { retryDelayMs } from '@gapo/rpc';
import { reasonOf } from '../kubernetes/calls.js';
import { rewardServiceKind, type Scope } from '../kubernetes/cluster.js';
import { followAll, type Follower } from '../kubernetes/followAll.js';
import { ownedKinds, type OwnedKind } from '../kubernetes/ownedObjects.js';
import type { RewardService } from '../resource/rewardService.js';
import { RewardFollower, type RewardContext } from './follower.js';
import { ownerLabel } from './objects.js';

/** Which RewardServices the operator is responsible for. Their objects are created in their namespace. */
export interface RewardScope extends Scope {
  readonly namespace: string;
}

const retry = { baseDelayMs: 500, maxDelayMs: 15_000 };

/** Follows every RewardService of a scope until the signal aborts. Their objects then stay as they are. */
export async function followRewards(context: RewardContext, scope: RewardScope, signal: AbortSignal): Promise<void> {
  const followers = new Map<string, RewardFollower>();
  const start = (resource: RewardService): Follower<RewardService> => {
    const follower = new RewardFollower(context, resource);
    const { name } = follower;
    followers.set(name, follower);
    const stop = async (isGone: boolean): Promise<void> => {
      if (isGone && followers.get(name) === follower) followers.delete(name);
      await follower.stop(isGone);
    };
    return { offer: (newer) => follower.offer(newer), stop };
  };
  const onListed = (): void => context.registry.listed();
  const look = (name: string | undefined): void => {
    if (name !== undefined) followers.get(name)?.look();
  };
  await Promise.all([
    followAll(context, { kind: rewardServiceKind, scope, start, onListed }, signal),
    ...ownedKinds.map((kind) => hear(context, kind, scope.namespace, look, signal)),
  ]);
}

/** Calls back with the name of the RewardService for each changed object. */
async function hear(
  { cluster, log }: RewardContext,
  kind: OwnedKind,
  namespace: string,
  onChange: (name: string | undefined) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; !signal.aborted;) {
    try {
      const where = { namespace, labelSelector: ownerLabel };
      await cluster.owned.watch(kind, where, ({ metadata }) => onChange(metadata.labels?.[ownerLabel]), signal);
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      log.warn(`${kind}s are watched again: ${reasonOf(error)}`);
      await delay(retryDelayMs(retry, failures), undefined, { signal }).catch(() => undefined);
    }
  }
}
