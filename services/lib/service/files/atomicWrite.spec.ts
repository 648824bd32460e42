/** Atomic writes: readers see the old content or the new, failures leave the target and its folder unchanged. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, chownSync, existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { UserError } from '../userError.js';
import {
  type FileContent,
  appendSync,
  writeAllAtomically,
  writeAtomically,
  writeAtomicallySync,
} from './atomicWrite.js';

async function folder(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'gapo-files-'));
  t.after(async () => {
    chmodSync(directory, 0o700);
    await rm(directory, { recursive: true, force: true });
  });
  return directory;
}

/** Root can write anywhere, so if this process is root, runs `work` as the folder's unprivileged owner. */
async function withoutRoot(directory: string, work: () => Promise<void>): Promise<void> {
  const { getuid, seteuid } = process;
  if (getuid?.() !== 0 || seteuid === undefined) return work();
  const unprivileged = 65534;
  chownSync(directory, unprivileged, unprivileged);
  seteuid(unprivileged);
  try {
    await work();
  } finally {
    seteuid(0);
  }
}

const writers: Readonly<Record<string, (path: string, content: string) => Promise<void>>> = {
  writeAtomically,
  writeAtomicallySync: async (path, content) => writeAtomicallySync(path, content),
};

for (const [name, write] of Object.entries(writers)) {
  describe(name, () => {
    test('writes a new file and replaces an old one', async (t) => {
      const path = join(await folder(t), 'a.json');
      await write(path, 'first');
      await write(path, 'zweitens: ä');
      assert.equal(await readFile(path, 'utf8'), 'zweitens: ä');
      assert.deepEqual(await readdir(join(path, '..')), ['a.json']);
    });

    test('creates the folders above the file', async (t) => {
      const path = join(await folder(t), 'deep', 'deeper', 'a.json');
      await write(path, 'x');
      assert.equal(await readFile(path, 'utf8'), 'x');
    });

    test('a target that is a directory, and one below a file, are errors that name the target', async (t) => {
      const directory = await folder(t);
      const target = join(directory, 'taken');
      await mkdir(join(target, 'inside'), { recursive: true });
      await writeFile(join(directory, 'file'), '');
      for (const path of [join(directory, 'file', 'a.json'), target]) {
        await assert.rejects(write(path, 'x'), (error: unknown) => {
          assert.ok(error instanceof UserError);
          assert.ok(error.message.startsWith(`${path}: cannot be written: E`), error.message);
          return true;
        });
      }
      assert.deepEqual((await readdir(directory)).sort(), ['file', 'taken']);
      assert.deepEqual(await readdir(target), ['inside']);
    });

    test('a read-only folder keeps the old file, and nothing else', async (t) => {
      const directory = await folder(t);
      const path = join(directory, 'a.json');
      await writeFile(path, 'old');
      await withoutRoot(directory, async () => {
        chmodSync(directory, 0o500);
        await assert.rejects(write(path, 'new'), /a\.json: cannot be written: EACCES/);
      });
      assert.deepEqual(await readdir(directory), ['a.json']);
      assert.equal(await readFile(path, 'utf8'), 'old');
    });
  });
}

describe('appendSync', () => {
  test('creates a file, and appends to it', async (t) => {
    const path = join(await folder(t), 'a.jsonl');
    appendSync(path, 'one\n');
    appendSync(path, 'two\n');
    assert.equal(await readFile(path, 'utf8'), 'one\ntwo\n');
  });

  test('a text that does not fit leaves no part of itself', async (t) => {
    const path = join(await folder(t), 'a.jsonl');
    const code = `import { appendSync } from ${JSON.stringify(new URL('atomicWrite.js', import.meta.url).href)};
      const [, path] = process.argv;
      appendSync(path, 'a'.repeat(700));
      try { appendSync(path, 'b'.repeat(700)); } catch (error) { console.log(error.message); }`;
    // The shell limits files to one block of 1024 bytes: the second text is cut off after 324.
    const args = ['-c', 'ulimit -f 1; exec "$@"', 'bash', process.execPath, '--input-type=module', '-e', code, path];
    const { stdout } = await promisify(execFile)('bash', args);
    assert.match(stdout, /a\.jsonl: cannot be written: EFBIG/);
    assert.equal(await readFile(path, 'utf8'), 'a'.repeat(700));
  });

  const full = existsSync('/dev/full') ? false : 'this system has no /dev/full';
  test('a full disk is named, and what to do', { skip: full }, () => {
    assert.throws(
      () => appendSync('/dev/full', 'x'),
      /\/dev\/full: cannot be written: ENOSPC.*its disk is full: make room/,
    );
  });
});

test('a reader finds the complete old content until the new content is complete', async (t) => {
  const path = join(await folder(t), 'large');
  const [old, later] = ['a'.repeat(1 << 20), 'b'.repeat(1 << 20)];
  await writeAtomically(path, old);
  const seen: string[] = [];
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let start = 0; start < later.length; start += 1 << 17) {
      yield Buffer.from(later.slice(start, start + (1 << 17)));
      await setImmediate();
      seen.push(readFileSync(path, 'utf8'));
    }
  }
  await writeAtomically(path, chunks());
  assert.deepEqual([...new Set(seen)], [old]);
  assert.equal(readFileSync(path, 'utf8'), later);
});

test('concurrent writers of one file leave the content of one of them', async (t) => {
  const directory = await folder(t);
  const contents = Array.from({ length: 8 }, (_, i) => String(i).repeat(100_000));
  await Promise.all(contents.map((content) => writeAtomically(join(directory, 'a'), content)));
  assert.ok(contents.includes(readFileSync(join(directory, 'a'), 'utf8')));
  assert.deepEqual(readdirSync(directory), ['a']);
});

test('an error of the content is thrown unchanged, and nothing is left', async (t) => {
  const directory = await folder(t);
  const failure = new RangeError('a number overflows F16');
  function* failing(): Generator<Uint8Array> {
    yield Buffer.from('half');
    throw failure;
  }
  const files = new Map<string, FileContent>([
    [join(directory, 'first'), 'whole'],
    [join(directory, 'second'), failing()],
  ]);
  await assert.rejects(writeAllAtomically(files), (error) => error === failure);
  assert.deepEqual(await readdir(directory), [], 'the first file waits for the second');
});
