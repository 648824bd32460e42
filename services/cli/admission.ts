/** Waits until a coordinator that has created too many runs of late creates another one. */
import { setTimeout as delay } from 'node:timers/promises';
import { RpcError } from '@gapo/rpc';

/** How long a command waits in all. Another one may take a free place first. */
const patienceMs = 300_000;

/**
 * Makes a call that creates a run. While the coordinator refuses it for the rate of new runs (`CREATE_RUNS_PER_MINUTE`), waits as
 * long as the refusal says, and repeats it.
 *
 * @param say receives one line when the wait begins
 * @throws RpcError as the call, also where the wait would take longer than five minutes; the signal's AbortError
 */
export async function callWhenAdmitted<T>(
  call: () => Promise<T>,
  say: (text: string) => void,
  signal?: AbortSignal,
): Promise<T> {
  const end = performance.now() + patienceMs;
  for (let waits = 0; ; waits++) {
    try {
      return await call();
    } catch (error) {
      const known = RpcError.from(error);
      const { retryAfterMs: waitMs } = known;
      // Limits that time does not lift, such as MAX_RUNS, do not say when to try again.
      if (waitMs === undefined || performance.now() + waitMs > end) throw error;
      if (waits === 0) say(`${known.details}; waiting`);
      await delay(waitMs, undefined, { signal });
    }
  }
}
