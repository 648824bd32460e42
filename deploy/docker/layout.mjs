/**
 * Lays out what each service's image holds: `node deploy/docker/layout.mjs ARCHITECTURE SERVICE...`, in .images/SERVICE.
 *
 * That is the service and every workspace that it needs, under the same relative paths as in the repository (package.json and
 * the compiled files, without specs, fixtures, declarations and source maps), the protos, and the packages of others that they
 * need in production, as package-lock.json places them. Binaries of other platforms stay behind.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { closure, copyCompiled, servicesOf, workspaces } from '../workspaces.mjs';

const root = process.cwd();
const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
const folderOf = workspaces(root);
const leftOut = /\.(spec|fixture)\.|\.d\.[mc]?ts$|\.map$|\.tsbuildinfo$/;

/** The folder of the package that code of a folder finds under a name, as Node looks it up; undefined if there is none. */
function lookUp(from, name) {
  for (let at = from; ; at = dirname(at)) {
    const folder = join(at === '.' ? '' : at, 'node_modules', name);
    if (packages[folder] !== undefined) return folder;
    if (at === '.') return undefined;
  }
}

/**
 * The folders of all packages of others that some workspaces need.
 *
 * @throws Error where one is not installed, unless it is optional
 */
function packagesOf(folders) {
  const found = new Set();
  const visit = (from) => {
    const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = packages[from];
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
      if (folderOf.has(name)) continue;
      const folder = lookUp(from, name);
      if (folder === undefined || !existsSync(join(root, folder))) {
        if (name in dependencies && !(name in optionalDependencies))
          throw new Error(`${from} needs ${name}: run npm ci`);
      } else if (!found.has(folder)) {
        found.add(folder);
        visit(folder);
      }
    }
  };
  folders.forEach(visit);
  return [...found];
}

/** Tells by its path within a package whether a binary is of another platform. */
const foreign = {
  'onnxruntime-node': (path, cpu) =>
    /^bin\/[^/]+\/[^/]+/.test(path) && !new RegExp(`^bin/[^/]+/linux(/${cpu}|$)`).test(path),
  tokenizers: (path, cpu) => path.endsWith('.node') && !path.endsWith(`.linux-${cpu}-gnu.node`),
};

/** Copies a package without those that lie within it: each is copied by itself. */
function copyPackage(folder, to, cpu) {
  const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const isForeign = foreign[name] ?? (() => false);
  const source = join(root, folder);
  cpSync(source, to, {
    recursive: true,
    filter: (path) => {
      if (statSync(path).isDirectory() && basename(path) === 'node_modules') return false;
      return !leftOut.test(basename(path)) && !isForeign(relative(source, path), cpu);
    },
  });
}

function layOut(service, cpu) {
  const out = join(root, '.images', service);
  rmSync(out, { recursive: true, force: true });
  const folders = closure(root, servicesOf(service));
  for (const folder of packagesOf(folders)) copyPackage(folder, join(out, folder), cpu);
  for (const folder of folders) {
    cpSync(join(root, folder, 'package.json'), join(out, folder, 'package.json'));
    copyCompiled(root, folder, join(out, folder, 'dist'), leftOut);
    const link = join(out, 'node_modules', JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')).name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(relative(dirname(link), join(out, folder)), link);
  }
  cpSync(join(root, 'proto'), join(out, 'proto'), { recursive: true });
}

const [architecture, ...services] = process.argv.slice(2);
/** Names of architectures in Docker, and in Node. */
const cpus = { amd64: 'x64', arm64: 'arm64' };
if (cpus[architecture] === undefined || services.length === 0) {
  throw new Error(`usage: node deploy/docker/layout.mjs ${Object.keys(cpus).join('|')} SERVICE...`);
}
for (const service of services) layOut(service, cpus[architecture]);
