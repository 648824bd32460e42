/** The data of a run: prompts, pairs and texts, read and encoded in child processes, and drawn by a step's counter. */
export { type ConfigPaths, directoriesOf, entriesOf, type NamedPath, pathsOf, realPath } from './configPaths.js';
export { DataReader, defaultDataLimits, type DataLimits, type DataRequest } from './dataReader.js';
export { promptOf, withPreference } from './conditioned.js';
export type { EncodingOptions, PolicyTokenizer } from './policyTokenizer.js';
export { type DrawnPrompt, drawIndices, drawnIndices, drawPrompts, type PromptRecord } from './prompts.js';
export { recordsOf, type RecordList } from './recordList.js';
export { dataKeys, type RunData, type RunDataFile } from './runData.js';
export type { PairRecord } from './texts.js';
