/** The web page: its files for a server, and the same page as a single file, the report of a run. */
export type { Asset } from './assets.js';
export { pageAssets, renderReport } from './render.js';
export type { ReportData } from './browser/feed.js';
