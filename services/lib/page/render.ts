/** The page as a server offers it, and the page of one run as a file of its own: styles, modules and data inside. */
import { moduleAssets, styleAssets, type Asset, type ModuleAsset } from './assets.js';
import type { ReportData } from './browser/data.js';
import { pageDocument } from './document.js';

/** Every file of the page for a server to offer; the one at `/` is the page itself. */
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
 * The page with a run's data inside. It opens from a disk, without a server and without a network.
 *
 * @returns HTML
 */
export function renderReport(data: ReportData): string {
  return pageDocument({
    styles: styleAssets()
      .map(({ body }) => `<style>\n${body}</style>`)
      .join('\n'),
    importMap: importMap(moduleAssets(), dataUrl),
    data: `<script type="application/json" id="gapo-report">${forScript(data)}</script>`,
  });
}

function importMap(modules: readonly ModuleAsset[], urlOf: (module: ModuleAsset) => string): string {
  const imports = Object.fromEntries(modules.map((module) => [module.specifier, urlOf(module)]));
  return `<script type="importmap">${forScript({ imports })}</script>`;
}

function dataUrl({ body }: ModuleAsset): string {
  return `data:text/javascript;base64,${Buffer.from(body).toString('base64')}`;
}

/** JSON that may stand inside a script element: no text in it ends the element. */
function forScript(value: object): string {
  return JSON.stringify(value)
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');
}
