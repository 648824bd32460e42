import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isExpected } from '@gapo/service';
import { readLines } from './lines.js';

async function files(t: TestContext, ...contents: readonly (string | Uint8Array)[]): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'gapo-lines-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return Promise.all(
    contents.map(async (content, i) => {
      const file = join(directory, `${i}.jsonl`);
      await writeFile(file, content);
      return file;
    }),
  );
}

const number = (value: unknown): number => {
  if (typeof value !== 'number') throw new Error(`found ${typeof value}`);
  return value;
};

test('lines of all files, in order, whatever their ends, and what the files were', async (t) => {
  const contents = ['\ufeff1\n2', '\r\n3\r\n\r\n4\r\n'];
  const paths = await files(t, ...contents);
  const read = await readLines(paths, 'a number', number);
  assert.deepEqual(read.examples, [1, 2, 3, 4]);
  assert.deepEqual(
    read.files,
    paths.map((file, i) => ({
      file,
      sha256: createHash('sha256').update(contents[i]!).digest('hex'),
      lines: 2,
    })),
  );
});

test('every bad line is named by its place, the first few of all files', async (t) => {
  const latin1 = Buffer.from('1\n"caf\xe9"\n', 'latin1');
  const paths = await files(t, latin1, '\n{\n"a"\n');
  await assert.rejects(readLines(paths, 'a number', number), (error: unknown) => {
    assert.ok(isExpected(error));
    const [first, second, third, ...more] = error.message.split('\n');
    assert.equal(first, `${paths[0]}:2: not UTF-8; save the file in that encoding`);
    assert.ok(second!.startsWith(`${paths[1]}:2: not JSON: `), second);
    assert.equal(third, `${paths[1]}:3: found string`);
    assert.deepEqual(more, []);
    return true;
  });
});

test('a file that is not there, and files without lines, say what to name', async (t) => {
  const [empty] = await files(t, '\n\n');
  await assert.rejects(readLines([empty!], 'a number', number), /0\.jsonl: no lines; write a number a line$/);
  await assert.rejects(
    readLines(['/none.jsonl'], 'a number', number),
    /^UserError: \/none\.jsonl: does not exist; name/,
  );
});
