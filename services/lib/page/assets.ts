/** The page's files: where each lies on disk and under which path a server offers it. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The modules of the page, in an order in which each comes after those that it imports. */
export const pageModules = ['data', 'format', 'charts', 'tables', 'progress', 'feed', 'app'] as const;

// This file runs as dist/assets.js; pages and styles are not compiled and stay beside the sources.
const root = fileURLToPath(new URL('../', import.meta.url));

/** uPlot's package, wherever npm put it. */
const uplot = dirname(createRequire(import.meta.url).resolve('uplot/package.json'));

/** One file. */
export interface Asset {
  /** The path that the page asks for, as `/page/app.js`. */
  url: string;
  /** Absolute. */
  file: string;
}

/** The page itself. */
export const indexAsset: Asset = {
  url: '/',
  file: join(root, 'browser/index.html'),
};
/** The page's style. */
export const styleAsset: Asset = { url: '/page/style.css', file: join(root, 'browser/style.css') };
/** The charts' style. */
export const uplotStyleAsset: Asset = {
  url: '/page/uPlot.min.css',
  file: join(uplot, 'dist/uPlot.min.css'),
};
/** The charts' library. */
export const uplotAsset: Asset = { url: '/page/uPlot.js', file: join(uplot, 'dist/uPlot.esm.js') };

/** A module of the page. */
export function moduleAsset(name: (typeof pageModules)[number]): Asset {
  return { url: `/page/${name}.js`, file: join(root, `dist/browser/${name}.js`) };
}

/** Every file that a server has to offer. */
export const assets: readonly Asset[] = [
  indexAsset,
  styleAsset,
  uplotStyleAsset,
  uplotAsset,
  ...pageModules.map(moduleAsset),
];

/** What the page's modules import by name, and where that is: the page's import map. */
export function importMap(urlOf: (asset: Asset) => string): { imports: Record<string, string> } {
  return {
    imports: Object.fromEntries<string>([
      ['uplot', urlOf(uplotAsset)],
      ...pageModules.map((name): [string, string] => [`#page/${name}.js`, urlOf(moduleAsset(name))]),
    ]),
  };
}
