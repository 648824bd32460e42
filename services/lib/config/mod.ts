/** The run configuration: one YAML file, its schema, its defaults, its checks. */
export * from './combineConfig.js';
export * from './objectiveConfig.js';
export * from './runConfig.js';
