/** The files of the page: the content of each, and the path that a server offers it at. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { style } from './style/mod.js';

/** The modules of the page. */
const pageModules = [
  'format',
  'address',
  'series',
  'view',
  'charts',
  'tables',
  'timeline',
  'heatMap',
  'progress',
  'feed',
  'liveRun',
  'overview',
  'why',
  'simplex',
  'dialog',
  'dial',
  'command',
  'control',
  'estimate',
  'conditionedDial',
  'steer',
  'audit',
  'evaluation',
  'tokens',
  'sampleCards',
  'besideRun',
  'samples',
  'runsView',
  'compare',
  'planeLines',
  'planePlot',
  'planeTables',
  'pairMatrix',
  'soupOffer',
  'plane',
  'runPage',
  'app',
];

// This file runs as dist/assets.js, beside dist/browser.
const compiled = fileURLToPath(new URL('./browser/', import.meta.url));

/** The directory of uPlot's files, wherever npm put the package. */
const uplot = join(dirname(createRequire(import.meta.url).resolve('uplot/package.json')), 'dist');

/** A module of another package that the page shares. */
const runState = '@gapo/rpc/runState';

/** One file. */
export interface Asset {
  /** The path in the page's links, as `/page/app.js`. */
  url: string;
  contentType: string;
  body: string;
}

/** A module that the page imports by its name in the import map. */
export interface ModuleAsset extends Asset {
  /** The name, as `#page/app.js`. */
  specifier: string;
}

const css = (name: string, body: string): Asset => ({
  url: `/page/${name}`,
  contentType: 'text/css; charset=utf-8',
  body,
});

/** Reads the style sheets, in the order in which they apply. */
export function styleAssets(): Asset[] {
  return [css('uPlot.css', readFileSync(join(uplot, 'uPlot.min.css'), 'utf8')), css('style.css', style)];
}

/** Reads the modules. */
export function moduleAssets(): ModuleAsset[] {
  const script = (specifier: string, name: string, file: string): ModuleAsset => ({
    specifier,
    url: `/page/${name}.js`,
    contentType: 'text/javascript; charset=utf-8',
    // Source maps are not part of what is served.
    body: readFileSync(file, 'utf8').replace(/^\/\/# sourceMappingURL=.*$/m, ''),
  });
  return [
    script('uplot', 'uPlot', join(uplot, 'uPlot.esm.js')),
    script(runState, 'runState', fileURLToPath(import.meta.resolve(runState))),
    ...pageModules.map((name) => script(`#page/${name}.js`, name, join(compiled, `${name}.js`))),
  ];
}
