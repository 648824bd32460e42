/**
 * Directories appear, change and disappear as a whole, and leftovers of interrupted writers are
 * removed.
 */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { observeFaultPoints } from '@gapo/faults';
import { UserError } from '../userError.js';
import { createDirectorySync, removeDirectory, removeLeftovers, replaceDirectory } from './directories.js';

async function folder(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'gapo-directories-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

describe('replaceDirectory', () => {
  const filled = (text: string) => async (directory: string) => {
    await mkdir(join(directory, 'deep'));
    await writeFile(join(directory, 'deep', 'a.txt'), text);
  };
  const content = (directory: string) => readFile(join(directory, 'deep', 'a.txt'), 'utf8');

  test('creates a directory, with the folders above it, and replaces it completely', async (t) => {
    const directory = await folder(t);
    const path = join(directory, 'above', 'out');
    await replaceDirectory(path, filled('first'));
    await writeFile(join(path, 'extra'), '');
    await replaceDirectory(path, async (partial) => {
      await filled('second')(partial);
      assert.equal(await content(path), 'first');
    });
    assert.equal(await content(path), 'second');
    assert.deepEqual(await readdir(path), ['deep']);
    assert.deepEqual(await readdir(join(directory, 'above')), ['out']);
  });

  test('a fill that fails, or gives up, leaves the old directory and nothing else', async (t) => {
    const directory = await folder(t);
    const path = join(directory, 'out');
    await replaceDirectory(path, filled('old'));
    const failure = new Error('no');
    await assert.rejects(
      replaceDirectory(path, async (partial) => {
        await filled('new')(partial);
        throw failure;
      }),
      (error) => error === failure,
    );
    await replaceDirectory(path, async (partial) => {
      await filled('new')(partial);
      return false;
    });
    assert.equal(await content(path), 'old');
    assert.deepEqual(await readdir(directory), ['out']);
  });

  test('an error of the file system while it is filled names the directory', async (t) => {
    const path = join(await folder(t), 'out');
    await assert.rejects(
      replaceDirectory(path, (partial) => writeFile(join(partial, 'missing', 'a.txt'), 'x')),
      (error) => error instanceof UserError && error.message.startsWith(`${path}: cannot be written: ENOENT`),
    );
  });

  test('remains of an interrupted writer are not part of the next directory', async (t) => {
    const directory = await folder(t);
    await mkdir(join(directory, '.out.partial'));
    writeFileSync(join(directory, '.out.partial', 'stale'), '');
    await replaceDirectory(join(directory, 'out'), filled('x'));
    assert.deepEqual(await readdir(join(directory, 'out')), ['deep']);
    assert.ok(!existsSync(join(directory, '.out.partial')));
  });

  test('a path below a file is an error that names the directory', async (t) => {
    const path = join(await folder(t), 'file');
    await writeFile(path, '');
    await assert.rejects(replaceDirectory(join(path, 'out'), filled('x')), /file\/out: cannot be written: ENOTDIR/);
  });
});

describe('createDirectorySync', () => {
  const files = new Map([
    ['a.json', '{}'],
    ['b.txt', 'b'],
  ]);

  test('creates a directory with its files', async (t) => {
    const path = join(await folder(t), 'run');
    createDirectorySync(path, files);
    assert.deepEqual((await readdir(path)).sort(), ['a.json', 'b.txt']);
    assert.equal(await readFile(join(path, 'b.txt'), 'utf8'), 'b');
  });

  test('one that exists stays, and nothing is left', async (t) => {
    const directory = await folder(t);
    const path = join(directory, 'run');
    await mkdir(join(path, 'full'), { recursive: true });
    assert.throws(() => createDirectorySync(path, files), /run: cannot be written: ENOTEMPTY/);
    assert.deepEqual(await readdir(directory), ['run']);
    assert.deepEqual(await readdir(path), ['full']);
  });
});

describe('removeDirectory', () => {
  test('removes a directory; an interruption leaves no part of it under its name', async (t) => {
    const directory = await folder(t);
    const path = join(directory, 'out');
    createDirectorySync(path, new Map([['a', 'a']]));
    const seen: string[][] = [];
    t.after(observeFaultPoints(() => seen.push(existsSync(path) ? ['whole'] : ['gone'])));
    await removeDirectory(path);
    assert.deepEqual(seen, [['whole'], ['whole']]);
    assert.deepEqual(await readdir(directory), []);
  });

  test('one that is missing is an error that names it', async (t) => {
    await assert.rejects(removeDirectory(join(await folder(t), 'none')), /none: cannot be written: ENOENT/);
  });
});

test('leftovers are removed, and a replacement that was cut between its renames is undone', async (t) => {
  const directory = await folder(t);
  for (const name of ['.new.partial', '.cut.replaced', '.whole.replaced', 'whole', '.hidden']) {
    await mkdir(join(directory, name));
    await writeFile(join(directory, name, 'content'), name);
  }
  await writeFile(join(directory, '.steps.jsonl.0123456789ab.partial'), '');
  const removed = await removeLeftovers(directory);
  assert.deepEqual([...removed].sort(), ['.new.partial', '.steps.jsonl.0123456789ab.partial', '.whole.replaced']);
  assert.deepEqual((await readdir(directory)).sort(), ['.hidden', 'cut', 'whole']);
  assert.equal(await readFile(join(directory, 'cut', 'content'), 'utf8'), '.cut.replaced');
  assert.equal(await readFile(join(directory, 'whole', 'content'), 'utf8'), 'whole');
  assert.deepEqual(await removeLeftovers(join(directory, 'none')), []);
});
