/** The workspaces under services/ and what each of them needs at run time: what images and npm packages are made of. */
import { cpSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';

/** The manifest of a folder. */
export function manifest(root, folder) {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
}

/** The folder of every workspace under services/, by its package's name. */
export function workspaces(root) {
  const folders = ['services', 'services/lib'].flatMap((parent) =>
    readdirSync(join(root, parent)).map((name) => `${parent}/${name}`),
  );
  const withManifest = folders.filter((folder) => existsSync(join(root, folder, 'package.json')));
  return new Map(withManifest.map((folder) => [manifest(root, folder).name, folder]));
}

/** Images that hold more than the service that they are named after: the operator is a second command of the coordinator's. */
const partsOf = { coordinator: ['coordinator', 'operator'] };

/** The folders of the services in an image. */
export function servicesOf(image) {
  return (partsOf[image] ?? [image]).map((service) => `services/${service}`);
}

/**
 * The folders given and those of all workspaces that they need.
 *
 * @throws Error where one depends on a `@gapo/` package that is no workspace
 */
export function closure(root, folders) {
  const folderOf = workspaces(root);
  const found = new Set();
  const visit = (folder) => {
    if (found.has(folder)) return;
    found.add(folder);
    for (const name of Object.keys(manifest(root, folder).dependencies ?? {})) {
      const dependency = folderOf.get(name);
      if (dependency !== undefined) visit(dependency);
      else if (name.startsWith('@gapo/')) throw new Error(`${folder} depends on ${name}, which is no workspace`);
    }
  };
  folders.forEach(visit);
  return [...found];
}

/**
 * Copies the compiled files of a workspace, without those whose name matches.
 *
 * @throws Error where it is not compiled
 */
export function copyCompiled(root, folder, to, leftOut) {
  const dist = join(root, folder, 'dist');
  if (!existsSync(dist)) throw new Error(`${dist} is missing: compile ${folder} first (npx tsc -b ${folder})`);
  cpSync(dist, to, {
    recursive: true,
    filter: (path) => statSync(path).isDirectory() || !leftOut.test(basename(path)),
  });
}
