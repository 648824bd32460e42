/** The images of engines/pytorch install the packages with which its tests ran, pinned by hash. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from './services.js';

const read = (file: string): string => readFileSync(join(projectRoot, 'engines/pytorch', file), 'utf8');
const pins = (text: string): Map<string, string> =>
  new Map([...text.matchAll(/^([\w.-]+)==(\S+)/gm)].map(([, name = '', version = '']) => [name, version]));

test('the lock file has what the worker needs, at the versions of the tests', () => {
  const needed = /^dependencies = \[$([^]*?)^\]$/m.exec(read('pyproject.toml'))?.[1] ?? '';
  const names = [...needed.matchAll(/"([\w-]+)>=/g)].map(([, name = '']) => name);
  assert.ok(names.length >= 10);
  const [tested, locked] = [pins(read('constraints.txt')), pins(read('requirements.lock'))];
  for (const name of names) {
    assert.ok(tested.has(name), `constraints.txt pins no ${name}`);
    assert.equal(locked.get(name), tested.get(name), name);
  }
});

test('every package of the lock file has a hash', () => {
  const entries = read('requirements.lock').split(/^(?=[\w.-]+==)/m).slice(1); // prettier-ignore
  assert.ok(entries.length > 50);
  assert.deepEqual(entries.filter((entry) => !/--hash=sha256:[0-9a-f]{64}/.test(entry)), []); // prettier-ignore
});
