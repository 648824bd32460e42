/** Imports, including type imports, follow the order of folders. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '@gapo/service/testing';
import { againstFolders, againstPackages, layersOf, sourcesUnder } from './importOrder.js';
import { projectRoot } from './services.js';

const packages = ['services', 'services/lib'].flatMap((folder) =>
  readdirSync(join(projectRoot, folder), { withFileTypes: true })
    .map((entry) => join(folder, entry.name))
    .filter((path) => existsSync(join(projectRoot, path, 'package.json'))),
);
const nameOf = (folder: string): string =>
  (JSON.parse(readFileSync(join(projectRoot, folder, 'package.json'), 'utf8')) as { name: string }).name;

const sourcesOf = new Map(packages.map((folder) => [folder, sourcesUnder(projectRoot, folder)]));

for (const [folder, sources] of sourcesOf) {
  test(`${folder}: imports point down the order of folders`, () => {
    assert.ok(sources.length > 0);
    assert.deepEqual(againstFolders(nameOf(folder), folder, layersOf[folder] ?? [['.']], sources), []);
  });
}

test('no package imports a service, except for the types of the messages that a training prints', () => {
  const services = packages.filter((folder) => !folder.startsWith('services/lib/')).map(nameOf);
  const found = againstPackages(services, [...sourcesOf.values()].flat());
  // The CLI runs training as a child process whose package is not a dependency of the published one.
  assert.deepEqual(
    found.filter((sentence) => !/^services\/cli\/.* imports types of @gapo\/training,/.test(sentence)),
    [],
  );
  const cli = JSON.parse(readFileSync(join(projectRoot, 'services/cli/package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  assert.ok(!('@gapo/training' in cli.dependencies));
});

test('a planted import against the order is found, even of a type', async (t) => {
  const root = await temporaryDirectory(t);
  const folder = 'services/coordinator';
  const layers = layersOf[folder] ?? [];
  const plant = (path: string, text: string): void => {
    mkdirSync(join(root, folder, dirname(path)), { recursive: true });
    writeFileSync(join(root, folder, path), text);
  };
  const found = (): string[] => againstFolders('@gapo/coordinator', folder, layers, sourcesUnder(root, folder));

  plant('runs/run.ts', "import { versions } from '../state/versions.js';\nexport interface Run {}");
  plant('state/versions.ts', 'export const versions = [];');
  assert.deepEqual(found(), []);

  const [state, run, scoring, workers] = [
    'state/goals.ts',
    'runs/run.ts',
    'scoring/scoring.ts',
    'workers/workers.ts',
  ].map((path) => join(folder, path));
  plant('state/goals.ts', "import type { Run } from '../runs/run.js';\nexport type Goals = Run;");
  assert.deepEqual(found(), [`${state} imports ${run}, which is not below it`]);
  plant('state/goals.ts', "export type Goals = import('../runs/run.js').Run;");
  assert.deepEqual(found(), [`${state} imports ${run}, which is not below it`]);
  plant('state/goals.ts', '');
  plant('workers/workers.ts', '');
  plant('scoring/scoring.ts', "export { workers } from '../workers/workers.js';");
  assert.deepEqual(found(), [`${scoring} imports ${workers}, which is not below it`]);

  plant('scoring/scoring.ts', '');
  plant('scoring/scoring.ts', "const quote = /[`]/;\nexport const later = () => import('../runs/run.js');");
  assert.deepEqual(found(), [`${scoring} imports ${run}, which is not below it`]);
  plant('scoring/scoring.ts', "import { combine } from '../../lib/objectives/combiners/combine.js';");
  assert.deepEqual(found(), [
    `${scoring} imports services/lib/objectives/combiners/combine.ts, a file of another package`,
  ]);
  plant('scoring/scoring.ts', "import { runs } from '@gapo/coordinator';");
  assert.deepEqual(found(), [`${scoring} imports its own package by name`]);
  plant('scoring/scoring.ts', '');
  plant('state/gen/hidden.ts', '');
  assert.throws(found, /state\/gen has no place/);
  rmSync(join(root, folder, 'state/gen'), { recursive: true });

  plant('attic/old.ts', '');
  assert.throws(found, /services\/coordinator\/attic has no place/);

  plant('attic/old.ts', "import type { Service } from '@gapo/rollout';");
  assert.deepEqual(againstPackages(['@gapo/rollout'], sourcesUnder(root, folder)), [
    `${folder}/attic/old.ts imports types of @gapo/rollout, which is a service`,
  ]);
});
