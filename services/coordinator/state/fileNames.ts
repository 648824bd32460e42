/** The names of a run's files: the same in DATA_DIR/RUN and in the copy of the run in a store. */

/** The configuration as submitted. */
export const configFile = 'config.yaml';

/** The state. Without it a directory is no run. */
export const recordFile = 'run.json';

/** A report per line. */
export const stepsFile = 'steps.jsonl';

/** A change of objectives or preference per line. */
export const goalChangesFile = 'aims.jsonl';

/** The audit log. */
export const auditFile = 'audit.jsonl';

/** The hash of the audit log's last line. */
export const auditHeadFile = 'audit.head.json';

/** The manifest of a checkpoint, with the SHA-256 of its other files. Without it a checkpoint does not count. */
export const stateFile = 'state.json';
