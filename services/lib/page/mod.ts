/** The web page: its files for a server, the same page as one file for a report, and the JSON that it shows. */
export type { Asset } from './assets.js';
export { pageAssets, renderReport } from './render.js';
export { evaluationJson, runJson, stepJson } from './json.js';
export type {
  EvaluationData,
  IntervalData,
  Num,
  ObjectiveData,
  ObjectiveEvaluationData,
  PageEvent,
  ReportData,
  RunData,
  SampleData,
  StepData,
} from './browser/data.js';
