/** The page's files: what each holds and under which path a server offers it. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { style } from './style.js';

/** The modules of the page. */
const pageModules = ['data', 'format', 'charts', 'tables', 'progress', 'feed', 'app'];

// This file runs as dist/assets.js, beside dist/browser.
const compiled = fileURLToPath(new URL('./browser/', import.meta.url));

/** uPlot's package, wherever npm put it. */
const uplot = join(dirname(createRequire(import.meta.url).resolve('uplot/package.json')), 'dist');

/** One file. */
export interface Asset {
  /** The path that the page asks for, as `/page/app.js`. */
  url: string;
  contentType: string;
  body: string;
}

/** A module that the page imports by name. */
export interface ModuleAsset extends Asset {
  /** As `#page/app.js`. */
  specifier: string;
}

const css = (name: string, body: string): Asset => ({
  url: `/page/${name}`,
  contentType: 'text/css; charset=utf-8',
  body,
});

/** The styles, in the order in which they apply. */
export function styleAssets(): Asset[] {
  return [css('uPlot.css', readFileSync(join(uplot, 'uPlot.min.css'), 'utf8')), css('style.css', style)];
}

/** The modules. */
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
    ...pageModules.map((name) => script(`#page/${name}.js`, name, join(compiled, `${name}.js`))),
  ];
}
