/** What a coordinator does with a run's data before its first step, for commands that check a configuration without one. */
export { DataReader } from './data/dataReader.js';
