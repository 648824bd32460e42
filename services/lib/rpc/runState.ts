/** The states of a run. This module has no imports: the web page loads it too. */

/** Returns a state as people read it: `running` for RUN_STATE_RUNNING. */
export function stateWord(state: string): string {
  return state.replace(/^RUN_STATE_/, '').toLowerCase();
}

/** Whether a run takes steps, or is about to. */
export function isActive(state: string): boolean {
  return state === 'RUN_STATE_STARTING' || state === 'RUN_STATE_RUNNING';
}
