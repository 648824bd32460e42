/** What a coordinator does with a run's files before its first step, for commands that check a configuration or start a coordinator for it. */
export { DataReader } from './data/dataReader.js';
export { directoriesOf } from './data/projectDirectories.js';
