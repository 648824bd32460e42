/** Waits until a coordinator that has recently created too many runs accepts another one. */
import { setTimeout as delay } from 'node:timers/promises';
import { RpcError } from '@gapo/rpc';

/** How long a command waits in total. Another command may take a free slot first. */
const patienceMs = 300_000;

/**
 * Makes a call that creates a run. If the coordinator refuses it because of the rate of new runs (`CREATE_RUNS_PER_MINUTE`),
 * waits as long as the refusal says and retries.
 *
 * @param say receives a line when the wait begins
 * @throws RpcError from the call, also if the wait would take longer than five minutes; the signal's AbortError
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
      // Limits that do not pass with time, such as MAX_RUNS, do not say when to try again.
      if (waitMs === undefined || performance.now() + waitMs > end) throw error;
      if (waits === 0) say(`${known.details}; waiting`);
      await delay(waitMs, undefined, { signal });
    }
  }
}
