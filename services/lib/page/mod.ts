/** The web page: its files for a server, the same page as a single file, the report of a run, and what it asks a server for. */
export type { Asset } from './assets.js';
export { pageAssets, renderReport, type ReportData } from './render.js';
export { addStep, columnsBetween, noColumns, type Columns } from './columns.js';
export { planeOf, type EvaluatedRun, type PlaneChoice } from './plane.js';
export { stepDetail } from './why.js';
export { seriesKinds, type Series, type SeriesKind } from './browser/series.js';
