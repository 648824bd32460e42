/** Which of a run's files are stored. Under RUN/ in the store they have the same names as in DATA_DIR/RUN. */
import { checkpointName, stepOf } from '../state/checkpointPlaces.js';
import { auditFile, auditHeadFile, configFile, goalChangesFile, recordFile, stepsFile } from '../state/fileNames.js';

/** Files other than checkpoints, events and audit log, in the order in which they are stored. */
export const runFiles: readonly string[] = [configFile, stepsFile, goalChangesFile, recordFile];

/** The audit log and its head, which must match. They are stored before the other files. */
export const auditFiles: readonly string[] = [auditFile, auditHeadFile];

/** Returns the folder of a step's checkpoint. */
export function checkpointFolder(step: number): string {
  return `checkpoints/${checkpointName(step)}`;
}

/** Whether a name belongs to a file of a step's checkpoint. */
export function isCheckpointOf(name: string, step: number): boolean {
  return new RegExp(`^${checkpointFolder(step)}/[^/]+$`).test(name);
}

/** Returns the steps whose checkpoints the names belong to, ascending. */
export function stepsIn(names: readonly string[]): readonly number[] {
  const steps = names.flatMap((name) => stepOf(/^checkpoints\/([^/]+)\/[^/]+$/.exec(name)?.[1] ?? '') ?? []);
  return [...new Set(steps)].sort((a, b) => a - b);
}
