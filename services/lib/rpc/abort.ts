// Waiting that an AbortSignal ends.

/**
 * The promise's result, unless the signal aborts first: then its reason is thrown. The listener does not outlive the wait, so a
 * signal that lives as long as a stream may be waited on for each of its messages (a race with one long promise would grow).
 */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) {
      promise.catch(() => undefined); // its failure has nobody to tell any more
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
