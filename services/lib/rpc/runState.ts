/** Human-readable states of a run. This module has no imports because the web page loads it too. */

/** Returns a state in readable form: `running` for RUN_STATE_RUNNING. */
export function stateWord(state: string): string {
  return state.replace(/^RUN_STATE_/, '').toLowerCase();
}

/** Whether a run is taking steps or about to. */
export function isActive(state: string): boolean {
  return state === 'RUN_STATE_STARTING' || state === 'RUN_STATE_RUNNING';
}

/** What a paused run waits for before the coordinator resumes it. */
export interface RunWait {
  readonly waitingFor: string;
  /** Why the last check found that the wait is not over; empty before the first. */
  readonly problem: string;
  /** When the next check is made, in milliseconds since the epoch; undefined while one is in progress. */
  readonly nextCheck: number | undefined;
  /** How often the run was resumed at its step, and how often it may be. */
  readonly attempts: number;
  readonly maxAttempts: number;
}

/**
 * Returns text such as `waiting for reward harmless at 127.0.0.1:50062: connection refused; checked again in 8 s`.
 *
 * @param now milliseconds since the epoch
 */
export function describeWait({ waitingFor, problem, nextCheck, attempts, maxAttempts }: RunWait, now: number): string {
  const why = problem === '' ? '' : `: ${problem}`;
  const next =
    nextCheck === undefined ? '' : `; checked again in ${Math.max(0, Math.round((nextCheck - now) / 1000))} s`;
  const made = attempts === 0 ? '' : ` (resumed ${attempts} of ${maxAttempts} times at this step)`;
  return `waiting for ${waitingFor}${why}${next}${made}`;
}
