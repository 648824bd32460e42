/**
 * Everything named in documents exists: make targets, scripts, files, commands and options of gapo, targets of images, keys of
 * values.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { gapoProgram } from '@gapo/cli/testing';
import { parse } from 'yaml';
import { documentedCommands, documents, textOf, type DocumentedCommand } from './commands.js';
import { imageTargets } from './images.js';
import { projectRoot, serviceFolders, settingsOf } from './services.js';

const read = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');

/** Where the words of a command line of gapo begin in a command; undefined if there are none. */
function gapoWords({ words }: DocumentedCommand): readonly string[] | undefined {
  if (words[0] === 'gapo') return words.slice(1);
  const script = words.indexOf('services/cli/dist/main.js');
  if (script >= 0) return words.slice(script + 1);
  if (words[0] !== 'docker' || words[1] !== 'compose') return undefined;
  const service = words.indexOf('cli');
  return service >= 0 ? words.slice(service + 1) : undefined;
}

/** Checks a gapo command line without running it. */
function checkGapo(words: readonly string[], inline: boolean): string | undefined {
  const program = gapoProgram();
  let command = program;
  for (const word of words) {
    const next = command.commands.find((candidate) => candidate.name() === word);
    if (next === undefined) break;
    command = next;
  }
  if (inline) {
    // Prose omits arguments and says COMMAND for any command.
    const [first] = words;
    if (command === program && first !== undefined && /^[a-z]/.test(first)) return `gapo has no command ${first}`;
    if (command === program) return undefined;
    const known = command.options.flatMap(({ long, short }) => [long, short]);
    const options = words
      .flatMap((word) => /^--?[a-z][\w-]*/.exec(word) ?? [])
      .filter((word) => !/^--?h(elp)?$/.test(word));
    const unknown = options.find((option) => !known.includes(option));
    return unknown === undefined ? undefined : `gapo ${command.name()} has no option ${unknown}`;
  }
  command.configureOutput({ writeOut: () => undefined, writeErr: () => undefined }).action(() => undefined);
  try {
    program.parse(words, { from: 'user' });
    return undefined;
  } catch (error) {
    assert.ok(error instanceof Error);
    return error.message;
  }
}

const complaints = (check: (command: DocumentedCommand) => string | undefined): string[] =>
  documentedCommands.flatMap((command) => {
    const problem = check(command);
    return problem === undefined ? [] : [`${command.place}: ${command.text}: ${problem}`];
  });

describe('commands in documents', () => {
  test('make has the targets and variables', () => {
    const makefile = read('Makefile');
    assert.deepEqual(
      complaints(({ words: [program, ...words] }) => {
        if (program !== 'make') return undefined;
        const unknown = words.find((word) => {
          const [name = '', value] = word.split('=');
          return value === undefined ? !new RegExp(`^${name}:`, 'm').test(makefile) : !makefile.includes(`${name}=`);
        });
        return unknown === undefined ? undefined : `the Makefile has no ${unknown}`;
      }),
      [],
    );
  });

  test('gapo takes the commands and options', () => {
    const checked = documentedCommands.filter((command) => gapoWords(command) !== undefined);
    assert.ok(checked.length > 40);
    assert.deepEqual(
      complaints((command) => {
        const words = gapoWords(command);
        return words === undefined ? undefined : checkGapo(words, command.inline);
      }),
      [],
    );
  });

  test('variables before gapo are settings of a service that it starts', () => {
    const known = new Set(serviceFolders.flatMap((folder) => [...settingsOf(folder)]));
    const checked = documentedCommands.filter((one) => gapoWords(one) !== undefined && one.variables.length > 0);
    assert.ok(checked.some(({ variables }) => variables.includes('ENGINE_URLS')));
    assert.deepEqual(
      complaints((command) => {
        const unknown = gapoWords(command) && command.variables.find((name) => !known.has(name));
        return unknown === undefined ? undefined : `no service knows ${unknown}`;
      }),
      [],
    );
  });

  test('files of the project exist', () => {
    const ours = /^(?:\.\/)?((?:services|deploy|docs|examples|test|proto)\/[\w./-]+)$/;
    assert.deepEqual(
      complaints(({ words }) => {
        const missing = words
          .flatMap((word) => ours.exec(word)?.[1] ?? [])
          .find((path) => !existsSync(join(projectRoot, path)));
        return missing === undefined ? undefined : `there is no ${missing}`;
      }),
      [],
    );
  });

  test('npm has the scripts, docker the targets and services, helm the keys', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const { services } = parse(read('deploy/compose/compose.yaml'), { merge: true }) as { services: object };
    const values = parse(read('deploy/helm/gapo/values.yaml')) as object;
    const targets = new Set([...imageTargets, 'example', 'TARGET']);
    const after = (words: readonly string[], flag: string): string[] =>
      words.flatMap((word, k) => (words[k - 1] === flag ? [word] : []));
    assert.deepEqual(
      complaints(({ words, inline }) => {
        if (words[0] === 'npm' && words[1] === 'run') {
          return words[2] !== undefined && words[2] in scripts ? undefined : `package.json has no script ${words[2]}`;
        }
        if (words[0] === 'docker') {
          const target = after(words, '--target').find((name) => !targets.has(name));
          if (target !== undefined) return `the Dockerfile has no target ${target}`;
          const service =
            words[1] === 'compose' && !inline ? after(words, '--rm').find((name) => !(name in services)) : undefined;
          return service === undefined ? undefined : `the compose file has no service ${service}`;
        }
        if (words[0] !== 'helm') return undefined;
        const keys = after(words, '--set').map((pair) => /^\w+/.exec(pair)?.[0] ?? pair);
        const key = keys.find((name) => !(name in values));
        return key === undefined ? undefined : `values.yaml has no ${key}`;
      }),
      [],
    );
  });
});

test('links between documents lead to files', () => {
  const broken = documents.flatMap((document) =>
    [...textOf(document).matchAll(/\]\((?!\w+:|#)([^)#\s]+)/g)]
      .map(([, path = '']) => path)
      .filter((path) => !existsSync(join(projectRoot, dirname(document), path)))
      .map((path) => `${document}: ${path}`),
  );
  assert.deepEqual(broken, []);
});
