/** Every `@example` of the public packages compiles as a user program, and runs unless it starts a service. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { after, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { format } from 'node:util';
import ts from 'typescript';
import { projectRoot } from './services.js';

interface Example {
  /** Its location, such as `services/lib/numeric/random.ts:40`. */
  readonly place: string;
  readonly code: string;
}

/** The folders of the packages that `make docs` documents. */
function publicFolders(): string[] {
  const options = join(projectRoot, 'docs/typedoc/typedoc.json');
  const { entryPoints } = JSON.parse(readFileSync(options, 'utf8')) as { entryPoints: string[] };
  return entryPoints.map((entry) => dirname(join(dirname(options), entry)));
}

function sourcesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.ts$/.test(file) && !/\.d\.ts$|\.spec\.|\.fixture\.|^(dist|gen|node_modules)\//.test(file))
    .map((file) => join(folder, file));
}

/** The code of every `@example`, without the comment's asterisks. */
function examplesIn(file: string): Example[] {
  const source = readFileSync(file, 'utf8');
  return [...source.matchAll(/\/\*\*[^]*?\*\//g)].flatMap((comment) => {
    const text = comment[0].replaceAll(/^ *\*\/?( |$)/gm, '');
    const line = source.slice(0, comment.index).split('\n').length;
    const place = `${relative(projectRoot, file)}:${line}`;
    return text
      .split(/^@example\b/m)
      .slice(1)
      .map((example) => {
        const [, code] = /^```ts\n([^]*?)^```$/m.exec(example) ?? [];
        assert.ok(code !== undefined, `${place}: put the code of an @example between \`\`\`ts and \`\`\``);
        return { place, code };
      });
  });
}

const examples = publicFolders().flatMap(sourcesIn).flatMap(examplesIn);

/** Programs in this folder resolve packages like programs in a user's project. */
const cache = join(projectRoot, 'node_modules/.cache');
mkdirSync(cache, { recursive: true });
const folder = mkdtempSync(join(cache, 'examples-'));
symlinkSync(join(projectRoot, 'examples'), join(folder, 'examples'));

describe('examples of the public packages', () => {
  after(() => rmSync(folder, { recursive: true }));
  const files = examples.map(({ code }, k) => {
    const path = join(folder, `example${k}.mts`);
    writeFileSync(path, `${code}\nexport {};\n`);
    return path;
  });

  test('all compile under the strict options of the project', () => {
    const base = ts.readConfigFile(join(projectRoot, 'tsconfig.base.json'), (path) => readFileSync(path, 'utf8'));
    const { options } = ts.convertCompilerOptionsFromJson(
      (base.config as { compilerOptions: object }).compilerOptions,
      projectRoot,
    );
    const { rootDir: _root, outDir: _out, tsBuildInfoFile: _info, ...kept } = options;
    const program = ts.createProgram(files, { ...kept, composite: false, declarationMap: false, noEmit: true });
    const problems = ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
      const example = examples[files.indexOf(file?.fileName ?? '')];
      const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line + 1;
      return `${example?.place ?? file?.fileName}, line ${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    });
    assert.deepEqual(problems, []);
  });

  for (const [k, { place, code }] of examples.entries()) {
    if (code.includes('serveReward(')) continue;
    test(`${place} runs, and prints what its comments say`, async (t) => {
      const printed: string[] = [];
      t.mock.method(console, 'log', (...values: unknown[]) => printed.push(format(...values)));
      const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 };
      const path = join(folder, `example${k}.mjs`);
      writeFileSync(path, ts.transpileModule(code, { compilerOptions }).outputText);
      // Files written by an example are next to it and are removed with it.
      const directory = process.cwd();
      t.after(() => process.chdir(directory));
      process.chdir(folder);
      await import(pathToFileURL(path).href);
      assert.ok(printed.length > 0);
      for (const [, expected = ''] of code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)) {
        assert.ok(printed.includes(expected), `${expected} is not in:\n${printed.join('\n')}`);
      }
    });
  }

  test('each public package has one', () => {
    const without = publicFolders().filter(
      (path) => !examples.some(({ place }) => join(projectRoot, place).startsWith(`${path}/`)),
    );
    assert.deepEqual(
      without.map((path) => relative(projectRoot, path)),
      [],
    );
  });
});
