// Waiting for a promise until an AbortSignal aborts.

/**
 * Returns the promise's result.
 *
 * The listener is removed when the wait ends, so a signal that lives as long as a stream can be used for each of its messages: a race
 * with one long promise would leak.
 *
 * @throws the signal's reason where it aborts first
 */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) {
      promise.catch(() => undefined); // nobody handles its failure any more
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
