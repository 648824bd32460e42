/**
 * The order of folders, which decides what a source file may import. Type imports count: a type in the wrong place is as hard
 * to move as a function.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import ts from 'typescript';

/** A package's layers from top to bottom. A layer lists files and folders, relative to the package. */
export type Layers = readonly (readonly string[])[];

/**
 * The layers of every package that has folders. A file belongs to the most specific entry; `.` is the package's root.
 * It may import from its own entry and from lower layers, but not from a higher layer or from other entries of its layer.
 */
export const layersOf: Readonly<Record<string, Layers>> = {
  'services/cli': [
    ['main.ts'],
    ['commands'],
    ['runs'],
    ['options', 'fronts'],
    ['render'],
    ['conformance', 'sizing', 'trace'],
    ['client.ts'],
    ['processes'],
    ['.'],
  ],
  'services/coordinator': [
    ['.'],
    ['runs'],
    ['step'],
    ['step/ppo', 'step/dpo'],
    ['step/updates'],
    ['step/weightSources'],
    ['step/context'],
    ['scoring', 'workers'],
    ['data'],
    ['state'],
  ],
  'services/reward': [
    ['main.ts'],
    ['host.ts'],
    ['hostedKinds.ts'],
    ['http', 'oip', 'onnx', 'rules'],
    ['remote', 'rules/kinds'],
    ['.'],
  ],
  'services/training': [['.'], ['rewardModel', 'sft'], ['descent']],
  'services/lib/config': [['.'], ['document'], ['rewards', 'run', 'training']],
  'services/lib/model': [
    ['mod.ts'],
    ['sizing', 'tokenizer'],
    ['adapters'],
    ['weights'],
    ['huggingFaceConfig.ts'],
    ['architectures'],
    ['.'],
  ],
  'services/lib/numeric': [['mod.ts'], ['linear', 'optimizer'], ['.']],
  'services/lib/objectives': [['.'], ['combiners'], ['losses', 'solvers'], ['gram']],
  'services/lib/page': [['.'], ['browser']],
  'services/lib/policy': [
    ['mod.ts'],
    ['evaluator.ts', 'supervised.ts'],
    ['gradients', 'sampling'],
    ['decoder', 'engineOptions.ts'],
    ['batches'],
    ['.'],
  ],
  'services/lib/service': [['mod.ts'], ['service.ts'], ['thread', 'files'], ['settings'], ['.']],
};

/** A source file and the files that it imports, as paths relative to the project. */
export interface Source {
  readonly path: string;
  readonly imports: readonly string[];
}

/** The hand-written product files under `folder`: no tests, and nothing that a build or a generator wrote. */
export function sourcesUnder(root: string, folder: string): Source[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      return ['dist', 'gen', 'node_modules'].includes(entry.name) ? [] : sourcesUnder(root, path);
    }
    if (!/\.ts$/.test(path) || /\.(spec|fixture|d)\.ts$/.test(path)) return [];
    return [{ path, imports: importsOf(path, readFileSync(join(root, path), 'utf8')) }];
  });
}

/** Returns the modules that `text` imports, types included: relative ones as project paths, packages by name. */
function importsOf(path: string, text: string): string[] {
  return ts
    .preProcessFile(text, true, true)
    .importedFiles.map(({ fileName }) =>
      fileName.startsWith('.') ? normalize(join(dirname(path), fileName)).replace(/\.js$/, '.ts') : fileName,
    );
}

/** An entry of a package's layers and how far down it is. */
interface Place {
  readonly entry: string;
  readonly depth: number;
}

/** @throws Error if the file's folder has no place in the layers */
function placeOf(packageFolder: string, layers: Layers, path: string): Place {
  const inside = path.slice(packageFolder.length + 1);
  const places = layers.flatMap((entries, depth) => entries.map((entry) => ({ entry, depth })));
  const place = places
    .filter(({ entry }) => entry === inside || entry === dirname(inside))
    .sort((a, b) => b.entry.length - a.entry.length)[0];
  if (place === undefined) throw new Error(`${dirname(path)} has no place in the order of folders: add it to layersOf`);
  return place;
}

/** Describes the imports between the folders of one package that do not point down. */
export function againstFolders(packageFolder: string, layers: Layers, sources: readonly Source[]): string[] {
  const paths = new Set(sources.map(({ path }) => path));
  return sources.flatMap(({ path, imports }) => {
    const from = placeOf(packageFolder, layers, path);
    return imports
      .filter((imported) => paths.has(imported))
      .filter((imported) => {
        const to = placeOf(packageFolder, layers, imported);
        return to.entry !== from.entry && to.depth <= from.depth;
      })
      .map((imported) => `${path} imports ${imported}, which is not below it`);
  });
}

/**
 * Describes the imports of services by other packages. Services communicate over gRPC, and libraries know no service.
 *
 * @param names each service's package name
 */
export function againstPackages(names: readonly string[], sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, imports }) =>
    imports
      .filter((imported) => names.includes(imported.split('/').slice(0, 2).join('/')))
      .map((imported) => `${path} imports ${imported}, which is a service`),
  );
}
