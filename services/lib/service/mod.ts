/** The basis of every process: expected errors, settings, the logger, the life of a service, worker threads and processes, files. */
export { UserError, isExpected } from './userError.js';
export { logger, type Logger } from './logger.js';
export { Slots } from './slots.js';
export { isFree, reservePorts, type ReservedPorts } from './portBlock.js';
export { measureGpus } from './gpuReadings.js';
export { withoutCredentials } from './redact.js';
export { standardError, standardOutput } from './textOutput.js';
export {
  exportWarning,
  runService,
  stopTimes,
  reportAndExit,
  type RunningService,
  type ServiceOptions,
  type StartContext,
} from './service.js';
export { WorkerThread, outcome, type Outcome, type TaskOptions, type ThreadTasks } from './thread/workerThread.js';
export {
  WorkerProcess,
  ProcessEndedError,
  type ProcessOptions,
  type ProcessTaskOptions,
} from './process/workerProcess.js';
export { reportProgress } from './process/reportProgress.js';
export {
  appendSync,
  writeAllAtomically,
  writeAtomically,
  writeAtomicallySync,
  type FileContent,
  type WriteOptions,
} from './files/atomicWrite.js';
export { createDirectorySync, removeDirectory, removeLeftovers, replaceDirectory } from './files/directories.js';
export {
  contentIfPresent,
  contentOf,
  contentOfSync,
  namedText,
  NotRegularError,
  openRegular,
} from './files/reading.js';
export { parseYaml, yamlText, type YamlSource } from './settings/yamlFile.js';
export { parseValue } from './settings/problems.js';
export { isMapping, metaOf, schemaWords, unwrap } from './settings/schemaWalk.js';
export { fromText, readSettings, describeSettings, type SettingRow } from './settings/environment.js';
export { settingsHelp, type HelpOptions } from './settings/help.js';
export { ConfigError, type ConfigProblem, shortened } from './settings/configError.js';
export { canonicalJson, configSha256 } from './settings/canonicalJson.js';
export { nearestKey } from './settings/editDistance.js';
export * from './settings/schemas.js';
export { transportSettings } from './settings/transport.js';
export { boundConnecting } from './connecting.js';
export { secureFromEnvironment } from './transport.js';
export { z } from 'zod';
