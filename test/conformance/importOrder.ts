/**
 * The order of folders, which determines what a source file may import. Type imports count, because a type in the wrong place
 * is as hard to move as a function.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { rewardKinds } from '@gapo/config';
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
    ['program.ts'],
    ['commands'],
    ['runs'],
    ['options', 'fronts'],
    ['render'],
    ['conformance', 'sizing', 'trace'],
    ['client.ts', 'secure.ts'],
    ['processes'],
    ['certificates'],
    ['.'],
  ],
  'services/coordinator': [
    ['.'],
    ['runs'],
    ['runs/samples'],
    ['tracking'],
    ['tracking/mlflow', 'tracking/tensorboard'],
    ['tracking/tracked'],
    ['step'],
    ['step/ppo', 'step/dpo'],
    ['step/updates'],
    ['step/weightSources'],
    ['step/context'],
    ['scoring', 'workers'],
    ['archive', 'data'],
    ['state'],
  ],
  'services/operator': [['.'], ['follow'], ['rewards'], ['kubernetes'], ['resource']],
  'services/reward': [
    ['main.ts'],
    ['host.ts'],
    ['hostedKinds.ts'],
    Object.keys(rewardKinds),
    ['http/judge'],
    ['http/protocols'],
    ['encoding', 'remote', 'rules/kinds'],
    ['.'],
  ],
  'services/rollout': [
    ['.'],
    ['engines/native', 'engines/served'],
    ['engines/served/protocols/registry.ts'],
    ['engines/served/protocols/vllm'],
    ['engines/served/protocols'],
    ['engines'],
  ],
  'services/training': [['.'], ['rewardModel', 'sft'], ['descent']],
  'services/lib/config': [
    ['.'],
    ['document'],
    ['rewards', 'run', 'training'],
    ['chatTemplateKwargs.ts', 'data', 'textForm.ts'],
  ],
  'services/lib/data': [['.'], ['forms'], ['files']],
  'services/lib/events': [
    ['.'],
    ['copy'],
    ['connectionWatch.ts', 'permissions.ts', 'log'],
    ['cloudEvent.ts'],
    ['eventError.ts'],
  ],
  'services/lib/model': [
    ['mod.ts'],
    ['sizing', 'tokenizer'],
    ['adapters'],
    ['weights'],
    ['huggingFaceConfig.ts'],
    ['architectures'],
    ['jinja'],
    ['.'],
  ],
  'services/lib/numeric': [['mod.ts'], ['linear', 'optimizer'], ['.']],
  'services/lib/objectives': [
    ['.'],
    ['weightings'],
    ['combiners'],
    ['losses', 'solvers'],
    ['advantages', 'gram', 'preference'],
  ],
  'services/lib/page': [['.'], ['browser', 'style']],
  'services/lib/policy': [
    ['mod.ts'],
    ['evaluator.ts', 'supervised.ts'],
    ['gradients', 'sampling'],
    ['decoder', 'engineOptions.ts'],
    ['batches'],
    ['.'],
  ],
  'services/lib/rpc': [['.'], ['tls'], ['messageOf.ts']],
  'services/lib/service': [
    ['mod.ts'],
    ['service.ts'],
    ['process'],
    ['thread', 'files', 'transport.ts'],
    ['settings'],
    ['.'],
  ],
  'services/lib/tracing': [['document'], ['.', 'dashboards'], ['declared']],
};

/** A source file, as a path relative to the project, and its imports. */
export interface Source {
  readonly path: string;
  readonly imports: readonly Import[];
}

/** An import of a module: a path relative to the project, or the name of a package. */
interface Import {
  readonly target: string;
  readonly typeOnly: boolean;
}

/** The hand-written product files under `folder`: no tests, and nothing written by a build or a generator. */
export function sourcesUnder(root: string, folder: string): Source[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      const skipped = ['dist', 'node_modules'].includes(entry.name) || path === 'services/lib/rpc/gen';
      return skipped ? [] : sourcesUnder(root, path);
    }
    if (!/\.[cm]?tsx?$/.test(path) || /\.(spec|fixture|d)\.ts$/.test(path)) return [];
    return [{ path, imports: importsOf(path, readFileSync(join(root, path), 'utf8')) }];
  });
}

/** Returns what `text` imports or re-exports, by declarations, `import()` types and `import()` calls. */
function importsOf(path: string, text: string): Import[] {
  const imports: Import[] = [];
  const add = (module: ts.Node | undefined, typeOnly: boolean): void => {
    if (module === undefined || !ts.isStringLiteralLike(module)) return;
    const target = module.text.startsWith('.') ? normalize(join(dirname(path), module.text)) : module.text;
    imports.push({ target: target.replace(/\.js$/, '.ts'), typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, isTypeOnly(node));
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isExternalModuleReference(node)) add(node.expression, false);
    else if (ts.isImportTypeNode(node))
      add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest));
  return imports;
}

function isTypeOnly({ importClause }: ts.ImportDeclaration): boolean {
  if (importClause === undefined) return false;
  const { isTypeOnly: whole, name, namedBindings } = importClause;
  if (whole) return true;
  if (name !== undefined || namedBindings === undefined || !ts.isNamedImports(namedBindings)) return false;
  return namedBindings.elements.every((element) => element.isTypeOnly);
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

/**
 * Describes the imports of one package that do not point down its layers, or bypass another package's `mod.ts`.
 *
 * @param name the package's name
 */
export function againstFolders(
  name: string,
  packageFolder: string,
  layers: Layers,
  sources: readonly Source[],
): string[] {
  const paths = new Set(sources.map(({ path }) => path));
  return sources.flatMap(({ path, imports }) => {
    const from = placeOf(packageFolder, layers, path);
    return imports.flatMap(({ target }) => {
      if (target === name) return [`${path} imports its own package by name`];
      if (target.startsWith('services/') && !target.startsWith(`${packageFolder}/`)) {
        return [`${path} imports ${target}, a file of another package`];
      }
      if (!paths.has(target)) return [];
      const to = placeOf(packageFolder, layers, target);
      const down = to.entry === from.entry || to.depth > from.depth;
      return down ? [] : [`${path} imports ${target}, which is not below it`];
    });
  });
}

/**
 * Describes the imports of services by other packages. Services communicate over gRPC, and libraries do not depend on
 * services.
 *
 * @param names each service's package name
 */
export function againstPackages(names: readonly string[], sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, imports }) =>
    imports
      .filter(({ target }) => names.includes(target.split('/').slice(0, 2).join('/')))
      .map(({ target, typeOnly }) => `${path} imports ${typeOnly ? 'types of ' : ''}${target}, which is a service`),
  );
}
