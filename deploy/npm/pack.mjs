/**
 * Makes installable npm packages out of workspaces: `node deploy/npm/pack.mjs FOLDER NAME...`, with the names below.
 *
 * A workspace depends on others, which no registry has. Its package therefore carries them as bundled dependencies, below
 * its own node_modules, compiled and with their type declarations; the packages of others that all of them need are its
 * dependencies. The protos come along, where services/lib/rpc looks for them: four levels above its compiled files.
 *
 * The command's package holds every service as well, under the same paths as the repository, so that `gapo up` starts
 * them in the same way. The tensor runtime is optional: it is most of the size, and without it every command works that
 * only talks to a coordinator.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { closure, copyCompiled, manifest, workspaces } from '../workspaces.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folderOf = workspaces(root);
const isProgram = (folder) => dirname(folder) === 'services';

/** What is packed: the programs that come along under their own paths, and the dependencies that are optional. */
const packages = {
  '@gapo/reward': { programs: [], optional: [] },
  '@gapo/cli': { programs: [...folderOf.values()].filter(isProgram), optional: ['onnxruntime-node'] },
};

/** Tests are no part of a package. Source maps would name sources that are not in it. */
const leftOut = /\.(spec|fixture)\.|\.map$|\.tsbuildinfo$/;

/** The fields of a manifest that say what its files are. Paths that are not compiled into the package are dropped. */
function entryPoints({ type, exports, imports, bin }, at, stage) {
  const present = (target) => {
    const file = typeof target === 'string' ? target : (target.default ?? target.types);
    return file.includes('*') || existsSync(join(stage, at, file));
  };
  const filtered = (map) => map && Object.fromEntries(Object.entries(map).filter(([, target]) => present(target)));
  const placed = (map) => map && Object.fromEntries(Object.entries(map).map(([name, path]) => [name, join(at, path)]));
  return { type, exports: filtered(exports), imports, bin: placed(bin) };
}

function writeJson(path, value) {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** Lays out a package in a folder. */
function layOut(name, { programs, optional }, stage) {
  const own = folderOf.get(name);
  const folders = closure(root, [own, ...programs]);
  const bundled = folders.filter((folder) => folder !== own && !programs.includes(folder));
  // A package of a library is its files; the one of the command has the services beside it.
  const at = programs.includes(own) ? own : '.';
  for (const folder of [own, ...programs]) {
    const to = folder === own ? at : folder;
    copyCompiled(root, folder, join(stage, to, 'dist'), leftOut);
  }
  for (const path of Object.values(manifest(root, own).bin ?? {})) cpSync(join(root, own, path), join(stage, at, path));
  for (const folder of bundled) {
    const described = manifest(root, folder);
    const to = join('node_modules', described.name);
    copyCompiled(root, folder, join(stage, to, 'dist'), leftOut);
    writeJson(join(stage, to, 'package.json'), {
      name: described.name,
      version: described.version,
      license: described.license,
      ...entryPoints(described, to, stage),
    });
  }
  cpSync(join(root, 'proto'), join(stage, 'proto'), { recursive: true });
  cpSync(join(root, 'LICENSE'), join(stage, 'LICENSE'));
  if (existsSync(join(root, own, 'README.md'))) cpSync(join(root, own, 'README.md'), join(stage, 'README.md'));

  const described = manifest(root, own);
  const foreign = foreignDependencies(folders);
  const names = bundled.map((folder) => manifest(root, folder).name).sort();
  const of = (wanted) => Object.fromEntries([...foreign].filter(([dependency]) => wanted(dependency)).sort());
  writeJson(join(stage, 'package.json'), {
    name,
    version: described.version,
    description: described.description,
    license: described.license,
    engines: manifest(root, '.').engines,
    ...entryPoints(described, at, stage),
    dependencies: {
      ...Object.fromEntries(names.map((bundle) => [bundle, described.version])),
      ...of((dependency) => !optional.includes(dependency)),
    },
    optionalDependencies: of((dependency) => optional.includes(dependency)),
    bundleDependencies: names,
  });
}

/**
 * What workspaces need of others' packages, with versions.
 *
 * @throws Error where two of them need different versions
 */
function foreignDependencies(folders) {
  const found = new Map();
  for (const folder of folders) {
    for (const [name, version] of Object.entries(manifest(root, folder).dependencies ?? {})) {
      if (folderOf.has(name)) continue;
      if ((found.get(name) ?? version) !== version)
        throw new Error(`${folder} needs ${name} ${version}, another workspace ${found.get(name)}`);
      found.set(name, version);
    }
  }
  return found;
}

const [out, ...names] = process.argv.slice(2);
if (out === undefined || names.length === 0 || names.some((name) => packages[name] === undefined)) {
  console.error(`usage: node deploy/npm/pack.mjs FOLDER NAME..., where NAME is ${Object.keys(packages).join(' or ')}`);
  process.exit(2);
}
mkdirSync(resolve(out), { recursive: true });
for (const name of names) {
  const stage = mkdtempSync(join(tmpdir(), 'gapo-pack-'));
  try {
    layOut(name, packages[name], stage);
    const args = ['pack', '--silent', '--pack-destination', resolve(out)];
    const file = execFileSync('npm', args, { cwd: stage, encoding: 'utf8' }).trim();
    console.log(join(resolve(out), file));
  } finally {
    rmSync(stage, { recursive: true });
  }
}
