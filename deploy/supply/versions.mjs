/**
 * Checks that everything that states the project's version states the same (the chart has one of its own beside it): `node deploy/supply/versions.mjs [VERSION]`, by default
 * that of package.json. Exits with 1 and names each place that differs.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);
const read = (path) => readFileSync(fileURLToPath(new URL(path, root)), 'utf8');
const { packages } = JSON.parse(read('package-lock.json'));

const { version } = JSON.parse(read('package.json'));
const [wanted = version] = process.argv.slice(2);

const manifests = Object.entries(packages)
  .filter(([folder, { link }]) => !folder.includes('node_modules/') && link !== true)
  .map(([folder]) => `${folder}/package.json`.replace(/^\//, ''));

/** Files beside the manifests, and where in them the version is. */
const others = [
  ['deploy/helm/gapo/Chart.yaml', /^appVersion: ['"]?([^\s'"]+)/m],
  ['deploy/compose/compose.yaml', /\$\{TAG:-([^}]+)\}/],
  ['engines/pytorch/pyproject.toml', /^version = "([^"]+)"/m],
  ['docker-bake.hcl', /variable "TAG" \{ default = "([^"]+)" \}/],
];

const stated = [
  ...manifests.map((path) => [path, JSON.parse(read(path)).version]),
  ...others.map(([path, pattern]) => [path, pattern.exec(read(path))?.[1]]),
];
const different = stated.filter(([, found]) => found !== wanted);
for (const [path, found] of different) console.error(`${path} has version ${found}, expected ${wanted}`);
process.exitCode = different.length === 0 ? 0 : 1;
