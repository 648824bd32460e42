/** A call that is made a second time where the first takes long: the first answer counts, the other call is given up. */

/**
 * @param call makes the call; its signal aborts when the other one has answered, or with the caller's
 * @param afterMs when the second call is made; undefined: never
 * @returns the first result; where both fail, the first failure is thrown
 */
export async function hedged<T>(
  call: (signal: AbortSignal) => Promise<T>,
  afterMs: number | undefined,
  signal: AbortSignal,
): Promise<T> {
  if (afterMs === undefined) return call(signal);
  const answered = new AbortController();
  const either = AbortSignal.any([signal, answered.signal]);
  let timer: NodeJS.Timeout | undefined;
  try {
    const first = call(either);
    const second = new Promise<T>((resolve, reject) => {
      timer = setTimeout(() => void call(either).then(resolve, reject), afterMs);
      // Where the first fails before the second is made, there is nothing to wait for.
      first.catch(reject);
    });
    return await Promise.any([first, second]);
  } catch (error) {
    throw error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  } finally {
    clearTimeout(timer);
    answered.abort();
  }
}
