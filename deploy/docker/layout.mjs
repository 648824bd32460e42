/**
 * Lays out what each service's image holds beside its installed packages: `node deploy/docker/layout.mjs SERVICE...`.
 *
 * Copies the service and every workspace that it depends on, directly or not, to .images/SERVICE under the same relative
 * paths as in the repository: package.json and the compiled files, without specs, fixtures, declarations and source maps.
 * The proto folder comes along with services/lib/rpc, which reads it at run time.
 */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';

const root = process.cwd();
const leftOut = /\.(spec|fixture)\.|\.d\.(ts|mts)$|\.map$|\.tsbuildinfo$/;

/** Every workspace under services/: its folder by its package's name. */
function workspaces() {
  const folders = ['services', 'services/lib'].flatMap((parent) =>
    readdirSync(join(root, parent)).map((name) => `${parent}/${name}`),
  );
  const withManifest = folders.filter((folder) => existsSync(join(root, folder, 'package.json')));
  return new Map(withManifest.map((folder) => [manifest(folder).name, folder]));
}

function manifest(folder) {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
}

/** The folders of a service and of all workspaces that it needs. */
function closure(service, folderOf) {
  const found = new Set();
  const visit = (folder) => {
    if (found.has(folder)) return;
    found.add(folder);
    for (const name of Object.keys(manifest(folder).dependencies ?? {})) {
      const dependency = folderOf.get(name);
      if (dependency !== undefined) visit(dependency);
      else if (name.startsWith('@gapo/')) throw new Error(`${folder} depends on ${name}, which is no workspace`);
    }
  };
  visit(`services/${service}`);
  return [...found];
}

function layOut(service, folderOf) {
  const out = join(root, '.images', service);
  rmSync(out, { recursive: true, force: true });
  for (const folder of closure(service, folderOf)) {
    const dist = join(root, folder, 'dist');
    if (!existsSync(dist)) throw new Error(`${dist} is missing: compile ${folder} first (npx tsc -b ${folder})`);
    cpSync(join(root, folder, 'package.json'), join(out, folder, 'package.json'));
    cpSync(dist, join(out, folder, 'dist'), {
      recursive: true,
      filter: (path) => statSync(path).isDirectory() || !leftOut.test(basename(path)),
    });
  }
  cpSync(join(root, 'proto'), join(out, 'proto'), { recursive: true });
}

const services = process.argv.slice(2);
if (services.length === 0) throw new Error('usage: node deploy/docker/layout.mjs SERVICE...');
const folderOf = workspaces();
for (const service of services) layOut(service, folderOf);
