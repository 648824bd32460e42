/** The names of a run's files: the same in DATA_DIR/RUN and in the archived copy. */

/** The configuration as submitted. */
export const configFile = 'config.yaml';

/** The state. A directory without it is not a run. */
export const recordFile = 'run.json';

/** One report per line. */
export const stepsFile = 'steps.jsonl';

/** One change of objectives or preference per line. */
export const goalChangesFile = 'aims.jsonl';

/** The audit log. */
export const auditFile = 'audit.jsonl';

/** The hash of the audit log's last line. */
export const auditHeadFile = 'audit.head.json';

/** The manifest of a checkpoint, with the SHA-256 of its other files. A checkpoint without it does not count. */
export const stateFile = 'state.json';
