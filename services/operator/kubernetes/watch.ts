/** A watch on API server objects: one connection, which ends on its own or when a signal aborts. */
import { underSignals } from '@gapo/rpc';
import { z } from '@gapo/service';
import { Watch, type KubeConfig } from '@kubernetes/client-node';

/** How long the API server keeps a watch open. */
const watchSeconds = 240;
/** How much longer a watch may stay silent before it is abandoned. */
const watchMarginMs = 20_000;

const bookmark = z.object({ metadata: z.object({ resourceVersion: z.string() }) });

/** Which objects to watch, and from which version. */
export interface Watched {
  /** The path of their list, such as /apis/apps/v1/namespaces/team/deployments. */
  readonly path: string;
  readonly labelSelector: string | undefined;
  /** The version to watch from; undefined: existing objects come first, as changes. */
  readonly resourceVersion: string | undefined;
}

/**
 * Watches objects until the API server ends the watch.
 *
 * @param onChange receives each object as sent by the API server
 * @returns the version from which to continue watching
 * @throws Error if the watch breaks, or cannot continue from that version
 */
export async function watchObjects(
  config: KubeConfig,
  { path, labelSelector, resourceVersion }: Watched,
  onChange: (type: 'changed' | 'deleted', object: unknown) => void,
  signal: AbortSignal,
): Promise<string> {
  const query = { resourceVersion, allowWatchBookmarks: true, timeoutSeconds: watchSeconds, labelSelector };
  let last = resourceVersion ?? '';
  const { promise: ended, resolve, reject } = withResolvers();
  const receive = (type: string, object: unknown): void => {
    if (type === 'ERROR') return reject(new Error(`the watch ended: ${JSON.stringify(object)}`));
    const at = bookmark.safeParse(object);
    if (at.success) last = at.data.metadata.resourceVersion;
    if (type !== 'BOOKMARK') onChange(type === 'DELETED' ? 'deleted' : 'changed', object);
  };
  const opening = new Watch(config).watch(path, query, receive, (error: unknown) =>
    error === null || error === undefined ? resolve() : reject(error),
  );
  const limit = AbortSignal.timeout(watchSeconds * 1000 + watchMarginMs);
  const stop = (): void => reject(signal.aborted ? signal.reason : new Error('the watch was silent for too long'));
  try {
    await underSignals([signal, limit], (stopping) => {
      stopping.addEventListener('abort', stop, { once: true });
      if (stopping.aborted) stop();
      return ended;
    });
    return last;
  } finally {
    void opening.then((request) => request.abort());
  }
}

/** Promise.withResolvers, which Node 20 lacks. */
function withResolvers(): {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
} {
  let [resolve, reject]: [() => void, (reason: unknown) => void] = [() => undefined, () => undefined];
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  // Nobody may be awaiting it any more.
  promise.catch(() => undefined);
  return { promise, resolve: () => resolve(), reject: (reason) => reject(reason) };
}
