/** The leader's work: a follower for each TrainingRun, kept up to date by a watch. */
import { setTimeout as delay } from 'node:timers/promises';
import { retryDelayMs } from '@gapo/rpc';
import { reasonOf, type Change, type Scope } from '../kubernetes/cluster.js';
import { RunFollower, type FollowerContext } from './follower.js';

const retry = { baseDelayMs: 500, maxDelayMs: 15_000 };

/** Follows every TrainingRun of a scope until the signal aborts. What the runs do then is left as it is. */
export async function followAll(context: FollowerContext, scope: Scope, signal: AbortSignal): Promise<void> {
  const followers = new Map<string, RunFollower>();
  const log = (problem: string): void => context.log.warn(problem);
  const forget = (uid: string): void => {
    void followers.get(uid)?.stop();
    followers.delete(uid);
  };
  const take = ({ type, object }: Change): void => {
    const { uid } = object.metadata;
    if (type === 'deleted') return forget(uid);
    const follower = followers.get(uid);
    if (follower === undefined) followers.set(uid, new RunFollower(context, object));
    else follower.offer(object);
  };
  for (let failures = 0; !signal.aborted;) {
    try {
      const { objects, resourceVersion } = await context.cluster.list(scope, log);
      const present = new Set(objects.map(({ metadata }) => metadata.uid));
      for (const uid of [...followers.keys()]) if (!present.has(uid)) forget(uid);
      for (const object of objects) take({ type: 'changed', object });
      let version = resourceVersion;
      while (!signal.aborted) {
        version = await context.cluster.watch(scope, version, take, { signal, log });
        failures = 0;
      }
    } catch (error) {
      if (signal.aborted) break;
      failures += 1;
      context.log.warn(`TrainingRuns are listed again: ${reasonOf(error)}`);
      await delay(retryDelayMs(retry, failures), undefined, { signal }).catch(() => undefined);
    }
  }
  await Promise.all([...followers.values()].map((follower) => follower.stop()));
}
