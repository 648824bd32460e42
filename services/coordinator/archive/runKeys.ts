/** The names of a run's files, the same in DATA_DIR/RUN and under RUN/ in the store. */

/** Without it a run does not count. */
export const recordFile = 'run.json';

/** Files beside checkpoints, events and audit log, in the order in which they are stored. */
export const runFiles: readonly string[] = ['config.yaml', 'steps.jsonl', 'aims.jsonl', recordFile];

/** The audit log and its end, which have to fit each other. They are stored before the other files. */
export const auditFiles: readonly string[] = ['audit.jsonl', 'audit.head.json'];

/** Without it a checkpoint does not count. It has the SHA-256 of the others. */
export const stateFile = 'state.json';

/** Returns the folder of a step's checkpoint. */
export function checkpointFolder(step: number): string {
  return `checkpoints/step-${String(step).padStart(6, '0')}`;
}

/** Whether a name is that of a file of a step's checkpoint. */
export function isCheckpointOf(name: string, step: number): boolean {
  return new RegExp(`^${checkpointFolder(step)}/[^/]+$`).test(name);
}

/** Returns the steps of the checkpoints that names belong to, ascending. */
export function stepsIn(names: readonly string[]): readonly number[] {
  const steps = names.flatMap((name) => /^checkpoints\/step-(\d+)\/[^/]+$/.exec(name)?.[1] ?? []).map(Number);
  return [...new Set(steps)].sort((a, b) => a - b);
}
