/** The page as a server offers it, and the page of one run as a single file with styles, modules and data inside. */
import type { EvaluationReportJson, RunJson, StepReportJson } from '@gapo/rpc';
import { moduleAssets, styleAssets, type Asset, type ModuleAsset } from './assets.js';
import type { AuditTrail, ReportContent } from './browser/data.js';
import { addStep, columnsBetween, noColumns } from './columns.js';
import { pageDocument } from './document.js';
import { stepDetail } from './why.js';

/** What a report shows of a run. */
export interface ReportData {
  run: RunJson;
  /** Ascending. */
  steps: readonly StepReportJson[];
  evaluation?: EvaluationReportJson;
  audit?: AuditTrail;
}

/** Points of a report's curves, and steps that it explains, at most: a report of a long run stays small. */
const mostPoints = 800;
const mostDetails = 200;

/** Returns every file of the page for a server to offer. The one at `/` is the page itself. */
export function pageAssets(): Asset[] {
  const [styles, modules] = [styleAssets(), moduleAssets()];
  const body = pageDocument({
    styles: styles.map(({ url }) => `<link rel="stylesheet" href="${url}">`).join('\n'),
    importMap: importMap(modules, ({ url }) => url),
    data: '',
  });
  return [{ url: '/', contentType: 'text/html; charset=utf-8', body }, ...styles, ...modules];
}

/**
 * Renders the page with a run's data inside. The file opens from disk, without a server or a network.
 *
 * @returns HTML
 */
export function renderReport(data: ReportData): string {
  return pageDocument({
    styles: styleAssets()
      .map(({ body }) => `<style>\n${body}</style>`)
      .join('\n'),
    importMap: importMap(moduleAssets(), dataUrl),
    data: `<script type="application/json" id="gapo-report">${forScript(contentOf(data))}</script>`,
  });
}

function contentOf({ run, steps, evaluation, audit }: ReportData): ReportContent {
  const columns = noColumns();
  for (const step of steps) addStep(columns, step);
  const all = { from: 0, to: Infinity, points: mostPoints };
  const stride = Math.max(1, Math.ceil(steps.length / mostDetails));
  return {
    run,
    curves: columnsBetween(columns.curves, 'curves', all),
    conflicts: columnsBetween(columns.conflicts, 'conflicts', all),
    // Counted from the end: the last step is one of them.
    details: steps.filter((_, i) => (steps.length - 1 - i) % stride === 0).map(stepDetail),
    ...(evaluation && { evaluation }),
    ...(audit && { audit }),
  };
}

function importMap(modules: readonly ModuleAsset[], urlOf: (module: ModuleAsset) => string): string {
  const imports = Object.fromEntries(modules.map((module) => [module.specifier, urlOf(module)]));
  return `<script type="importmap">${forScript({ imports })}</script>`;
}

function dataUrl({ body }: ModuleAsset): string {
  return `data:text/javascript;base64,${Buffer.from(body).toString('base64')}`;
}

/** JSON that is safe inside a script element: no text in it can end the element. */
function forScript(value: object): string {
  return JSON.stringify(value)
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');
}
