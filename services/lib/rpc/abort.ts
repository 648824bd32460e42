// Waits for a promise until an AbortSignal aborts or a time limit passes, and runs work under several signals.

/**
 * Returns the promise's result.
 *
 * The listener is removed when the wait ends, so a signal that lives as long as a stream can be used for each of its messages. Racing
 * against one long-lived promise would leak.
 *
 * @throws the signal's reason if it aborts first
 */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) {
      promise.catch(() => undefined); // nothing handles its rejection any more
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/**
 * Returns whether `work` is fulfilled within `timeoutMs` milliseconds.
 *
 * @throws the error of `work` if it is rejected in time
 */
export async function settlesWithin(work: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Returns the result of `work`, whose signal aborts with the first of `sources`, for the same reason.
 *
 * Once the work has ended, the sources no longer reference it. With `AbortSignal.any` they would: Node keeps such a signal, and
 * whatever its listeners reference, until a source aborts. Also, if a source is an AbortSignal.timeout, Node 20 drops the time limit
 * at the next garbage collection unless something else references that source.
 *
 * @example
 * ```ts
 * import { setTimeout } from 'node:timers/promises';
 * import { underSignals } from '@gapo/rpc';
 * const stopping = new AbortController();
 * const waited = underSignals([stopping.signal, AbortSignal.timeout(60_000)], async (signal) => setTimeout(1, 'done', { signal }));
 * console.log(await waited); // done
 * ```
 */
export async function underSignals<T>(
  sources: readonly AbortSignal[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const either = new AbortController();
  const unlink = sources.map((source) => {
    const onAbort = (): void => either.abort(source.reason);
    if (source.aborted) onAbort();
    source.addEventListener('abort', onAbort, { once: true });
    return () => source.removeEventListener('abort', onAbort);
  });
  try {
    return await work(either.signal);
  } finally {
    for (const each of unlink) each();
  }
}
