/** What the states of a run mean to a reader. Has no imports: the web page runs it too. */

/** A state as people read it: `running` for RUN_STATE_RUNNING. */
export function stateWord(state: string): string {
  return state.replace(/^RUN_STATE_/, '').toLowerCase();
}

/** Whether a run takes steps, or is about to. */
export function isActive(state: string): boolean {
  return state === 'RUN_STATE_STARTING' || state === 'RUN_STATE_RUNNING';
}
