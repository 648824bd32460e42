import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '../fixtures/world.fixture.js';
import { RefusedError } from '../state/refusedError.js';
import { defaultProjectDirectories, ProjectDirectories } from './projectDirectories.js';

test('only paths within the directories are read, wherever links lead', async (t) => {
  const root = await scratch(t);
  const [inside, outside] = [join(root, 'project'), join(root, 'project-of-another')];
  await mkdir(join(inside, 'model'), { recursive: true });
  await mkdir(join(inside, 'odd'));
  await mkdir(outside);
  await writeFile(join(outside, 'secret'), 'hunter2');
  await symlink(join(outside, 'secret'), join(inside, 'link.jsonl'));
  await symlink(outside, join(inside, 'folder'));
  await symlink('model', join(inside, 'latest'));
  await symlink(join(outside, 'secret'), join(inside, 'odd', 'tokenizer.json'));
  await symlink(inside, join(root, 'alias'));

  const directories = new ProjectDirectories([inside]);
  const check = (prompts: string, model = 'model', base = inside): void =>
    directories.assertInside({ policy: { model }, data: { prompts, map: undefined, overlong: 'refuse' } }, base);
  for (const good of ['a.jsonl', 'b/../a.jsonl', join(inside, 'a.jsonl'), 'latest/a.jsonl']) check(good);
  check('a.jsonl', 'latest');
  new ProjectDirectories([join(root, 'alias')]).assertInside(
    { policy: { model: 'model' }, data: { overlong: 'drop' } },
    inside,
  );

  const refused: (readonly [string, () => void])[] = [
    ['data.prompts', () => check('/etc/passwd')],
    ['data.prompts', () => check('../../../../../../etc/passwd')],
    ['data.prompts', () => check('../project-of-another/secret')],
    ['data.prompts', () => check('link.jsonl')],
    ['data.prompts', () => check('folder/secret')],
    ['data.prompts', () => check('folder/not-there/x')],
    ['data.prompts', () => check('a/'.repeat(100_000))],
    ['data.prompts', () => check('a.jsonl\0')],
    ['policy.model', () => check('a.jsonl', '/')],
    ['policy.model', () => check('a.jsonl', 'odd')],
    ['policy.model', () => check('a.jsonl', 'model', '/')],
  ];
  for (const [key, act] of refused) {
    assert.throws(act, (error) => {
      assert.ok(error instanceof RefusedError && error.reason === 'path', String(error));
      assert.ok(error.message.startsWith(`${key}: `) && error.message.includes('PROJECT_DIRS'), error.message);
      assert.ok(error.message.length < 1000 && !error.message.includes('hunter2'));
      return true;
    });
  }
});

test('by default the working directory and the one that holds the runs are allowed, but no root', () => {
  assert.deepEqual(defaultProjectDirectories('/data'), [process.cwd()]);
  assert.deepEqual(defaultProjectDirectories('/somewhere/runs'), [process.cwd(), '/somewhere']);
});
