/** The code of a worker: its package and all packages of this project that it depends on. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The code of a process. */
export interface Build {
  /** A SHA-256 (hex) over the compiled files and manifests. */
  readonly sha256: string;
  /** Name and version of the tensor runtime; empty if no package depends on one. */
  readonly runtime: string;
}

const tensorRuntime = 'onnxruntime-node';
const own = /^@gapo\//;
const compiled = /\.js$/;
const tests = /\.(spec|fixture)\.js$/;

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/**
 * Reads the build that a module belongs to.
 *
 * @param module a file in the compiled folder of its package
 */
export async function readBuild(module: URL): Promise<Build> {
  const digests = new Map<string, string>();
  let runtime = '';
  const visit = async (file: string): Promise<void> => {
    const folder = dirname(file);
    const manifestText = await readFile(manifestOf(folder), 'utf8');
    const { name, dependencies = {}, optionalDependencies = {} } = JSON.parse(manifestText) as Manifest;
    if (digests.has(name)) return;
    digests.set(name, '');
    digests.set(name, await digestOf(folder, manifestText));
    const { resolve } = createRequire(file);
    for (const dependency of Object.keys({ ...dependencies, ...optionalDependencies }).sort()) {
      if (dependency === tensorRuntime) runtime = await versionOf(resolve(dependency));
      if (own.test(dependency)) await visit(resolve(dependency));
    }
  };
  await visit(fileURLToPath(module));
  const hash = createHash('sha256');
  for (const [name, digest] of [...digests].sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(`${name} ${digest}\n`);
  return { sha256: hash.digest('hex'), runtime };
}

/** Returns the nearest package.json above a folder: in the published command, services have no manifest of their own. */
function manifestOf(folder: string): string {
  const above = dirname(folder);
  const path = join(above, 'package.json');
  return existsSync(path) || above === folder ? path : manifestOf(above);
}

/** Hashes a package's manifest and compiled files, without tests: images omit those. */
async function digestOf(folder: string, manifest: string): Promise<string> {
  const hash = createHash('sha256').update(manifest);
  const files = await readdir(folder, { recursive: true });
  for (const file of files.filter((name) => compiled.test(name) && !tests.test(name)).sort()) {
    hash.update(`${file}\n`).update(await readFile(join(folder, file)));
  }
  return hash.digest('hex');
}

async function versionOf(entry: string): Promise<string> {
  const { name, version } = JSON.parse(await readFile(join(dirname(entry), '../package.json'), 'utf8')) as Manifest;
  return `${name} ${version}`;
}
