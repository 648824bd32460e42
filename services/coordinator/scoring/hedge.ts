/**
 * Makes a call, and a second one if the first takes long. The first answer wins; the other call is cancelled.
 *
 * @param call makes the call; its signal aborts with the caller's signal, or when the other call has answered
 * @param afterMs milliseconds until the second call; undefined: never
 * @throws the first call's error if both fail
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
      // If the first fails before the second is made, there is no second.
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
