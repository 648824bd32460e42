/** A follower for each object of a kind, kept up to date by a watch. */
import { setTimeout as delay } from 'node:timers/promises';
import { retryDelayMs } from '@gapo/rpc';
import type { Logger } from '@gapo/service';
import type { Identified } from '../resource/metadata.js';
import { reasonOf } from './calls.js';
import type { Change, Cluster, ResourceKind, Scope } from './cluster.js';

/** Follows one object. */
export interface Follower<T> {
  /** Takes a newer version of the object. */
  offer(object: T): void;
  /** Stops following and leaves everything as it is. @param isGone whether the object is gone */
  stop(isGone: boolean): Promise<void>;
}

/** What to follow, and how. */
export interface Followed<T extends Identified> {
  readonly kind: ResourceKind<T>;
  readonly scope: Scope;
  readonly start: (object: T) => Follower<T>;
  /** Called once a follower has been started for every existing object. */
  readonly onListed?: () => void;
}

const retry = { baseDelayMs: 500, maxDelayMs: 15_000 };

/** Follows every object of a scope until the signal aborts. */
export async function followAll<T extends Identified>(
  { cluster, log }: { readonly cluster: Cluster; readonly log: Logger },
  { kind, scope, start, onListed }: Followed<T>,
  signal: AbortSignal,
): Promise<void> {
  const followers = new Map<string, Follower<T>>();
  const warn = (problem: string): void => log.warn(problem);
  const forget = (uid: string): void => {
    void followers.get(uid)?.stop(true);
    followers.delete(uid);
  };
  const take = ({ type, object }: Change<T>): void => {
    const { uid } = object.metadata;
    if (type === 'deleted') return forget(uid);
    const follower = followers.get(uid);
    if (follower === undefined) followers.set(uid, start(object));
    else follower.offer(object);
  };
  for (let failures = 0; !signal.aborted;) {
    try {
      const { objects, resourceVersion } = await cluster.list(kind, scope, warn);
      const present = new Set(objects.map(({ metadata }) => metadata.uid));
      for (const uid of [...followers.keys()]) if (!present.has(uid)) forget(uid);
      for (const object of objects) take({ type: 'changed', object });
      onListed?.();
      let version = resourceVersion;
      while (!signal.aborted) {
        version = await cluster.watch(kind, scope, version, take, { signal, log: warn });
        failures = 0;
      }
    } catch (error) {
      if (signal.aborted) break;
      failures += 1;
      log.warn(`${kind.names.kind}s are listed again: ${reasonOf(error)}`);
      await delay(retryDelayMs(retry, failures), undefined, { signal }).catch(() => undefined);
    }
  }
  await Promise.all([...followers.values()].map((follower) => follower.stop(false)));
}
