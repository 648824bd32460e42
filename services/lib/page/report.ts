/** The page of one run as a file of its own: styles, modules and data inside, nothing to fetch. */
import { readFileSync } from 'node:fs';
import { importMap, indexAsset, styleAsset, uplotStyleAsset, type Asset } from './assets.js';
import type { ReportData } from './browser/data.js';

/** The page that a server offers, with its import map filled in. */
export function renderIndex(): string {
  return fill(
    importMap(({ url }) => url),
    linked(uplotStyleAsset) + linked(styleAsset),
    '',
  );
}

/**
 * The page with a run's data inside. It opens from a disk, without a server and without a network.
 *
 * @returns HTML
 */
export function renderReport(data: ReportData): string {
  const styles = [uplotStyleAsset, styleAsset].map((asset) => `<style>\n${read(asset)}</style>\n`).join('');
  const inside = `<script type="application/json" id="gapo-report">${forScript(JSON.stringify(data))}</script>`;
  return fill(importMap(dataUrl), styles, inside);
}

function fill(imports: object, styles: string, data: string): string {
  const parts: Record<string, string> = {
    styles,
    importmap: `<script type="importmap">${forScript(JSON.stringify(imports))}</script>`,
    data,
  };
  // One pass: what is filled in is never looked at again, whatever a prompt contains.
  return read(indexAsset).replaceAll(/<!-- (styles|importmap|data) -->/g, (_, name: string) => parts[name] ?? '');
}

const linked = ({ url }: Asset): string => `<link rel="stylesheet" href="${url}">\n`;

function read({ file }: Asset): string {
  return readFileSync(file, 'utf8');
}

function dataUrl(asset: Asset): string {
  return `data:text/javascript;base64,${Buffer.from(read(asset)).toString('base64')}`;
}

/** JSON that may stand inside a script element: no text in it ends the element. */
function forScript(json: string): string {
  return json.replaceAll('<', '\\u003c').replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
}
