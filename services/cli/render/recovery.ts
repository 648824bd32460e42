/** Describes what a paused run waits for before the coordinator resumes it. */
import type { Run } from '@gapo/rpc';

/**
 * Returns text such as `waiting for reward harmless at 127.0.0.1:50062: connection refused; checked again in 8 s`; undefined if
 * the coordinator does not resume the run.
 *
 * @param now milliseconds since the epoch
 */
export function waitText({ recovery }: Pick<Run, 'recovery'>, now = Date.now()): string | undefined {
  if (recovery === null) return undefined;
  const { waitingFor, problem, nextCheck, attempts, maxAttempts } = recovery;
  const why = problem === '' ? '' : `: ${problem}`;
  const made = attempts === 0 ? '' : ` (resumed ${attempts} of ${maxAttempts} times at this step)`;
  if (nextCheck === null) return `waiting for ${waitingFor}${why}${made}`;
  const seconds = Math.max(0, Math.round(nextCheck.seconds - now / 1000 + nextCheck.nanos / 1e9));
  return `waiting for ${waitingFor}${why}; checked again in ${seconds} s${made}`;
}
