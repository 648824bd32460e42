/** Files of JSON lines: every record in order, and every invalid line with its place. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { at } from '@gapo/numeric';
import fc from 'fast-check';
import { z } from 'zod';
import { temporaryDirectory } from '../testing.fixture.js';
import { UserError } from '../userError.js';
import { type LineFormat, readJsonLines } from './jsonLines.js';

async function files(t: TestContext, ...contents: readonly (string | Uint8Array)[]): Promise<string[]> {
  const directory = await temporaryDirectory(t);
  return Promise.all(
    contents.map(async (content, i) => {
      const file = join(directory, `${i}.jsonl`);
      await writeFile(file, content);
      return file;
    }),
  );
}

const numbers: LineFormat<number, number> = { shape: 'a number', schema: z.number(), record: (value) => value };

async function messageOf(reading: Promise<unknown>): Promise<readonly string[]> {
  const error = await reading.then(
    () => assert.fail('no error'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof UserError, String(error));
  return error.message.split('\n');
}

test('lines of all files, in order, with any line ends, and a record of the files', async (t) => {
  const contents = ['\ufeff1\n2', '\r\n3\r\n\r\n4\r\n'];
  const paths = await files(t, ...contents);
  const read = await readJsonLines(paths, numbers);
  assert.deepEqual(read.records, [1, 2, 3, 4]);
  assert.deepEqual(
    read.files,
    paths.map((file, i) => ({
      file,
      sha256: createHash('sha256').update(at(contents, i)).digest('hex'),
      lines: 2,
    })),
  );
});

test('a record gets its line in the file and its index among all records', async (t) => {
  const paths = await files(t, '1\n\n2\n', '\n3\n');
  const { records } = await readJsonLines(paths, { ...numbers, record: (value, place) => ({ value, ...place }) });
  assert.deepEqual(records, [
    { value: 1, line: 1, index: 0 },
    { value: 2, line: 3, index: 1 },
    { value: 3, line: 2, index: 2 },
  ]);
});

test('lines of any length are read back unchanged', async (t) => {
  const line = fc.oneof(fc.string(), fc.string({ minLength: 20_000, maxLength: 200_000 }));
  await fc.assert(
    fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 8 }), async (values) => {
      const [path] = await files(t, values.map((value) => `${JSON.stringify(value)}\n`).join(''));
      const { records } = await readJsonLines([path ?? ''], {
        shape: 'a text',
        schema: z.string(),
        record: (text) => text,
      });
      assert.deepEqual(records, values);
    }),
    { numRuns: 20 },
  );
});

test('invalid lines are named by their place, the first few of all files', async (t) => {
  const latin1 = Buffer.from('1\n"caf\xe9"\n', 'latin1');
  const paths = await files(t, latin1, '\n{\n"a"\n\ufeff5\n');
  const [first, second, third, fourth, ...more] = await messageOf(readJsonLines(paths, numbers));
  assert.equal(first, `${paths[0]}:2: not UTF-8; save the file in that encoding`);
  assert.ok(second?.startsWith(`${paths[1]}:2: not JSON: `), second);
  assert.equal(third, `${paths[1]}:3: found string "a", expected a finite number; a line is a number`);
  assert.ok(fourth?.startsWith(`${paths[1]}:4: not JSON: `), 'a byte-order mark belongs to the start of a file');
  assert.deepEqual(more, []);
  const [nine] = await files(t, '{}\n'.repeat(9));
  assert.deepEqual((await messageOf(readJsonLines([nine ?? ''], numbers))).slice(4), [
    `${nine}:5: found an empty mapping, expected a finite number; a line is a number`,
    'and 4 more lines',
  ]);
});

test('every problem of a line is named, with the key that was probably meant', async (t) => {
  const [path] = await files(t, '{"id": "", "promt": "x"}\n');
  const schema = z.strictObject({ id: z.string().min(1), prompt: z.string() });
  const [line] = await messageOf(
    readJsonLines([path ?? ''], { shape: '{"id", "prompt"}', schema, record: (value) => value }),
  );
  assert.equal(
    line,
    `${path}:1: promt: found unknown key "promt", expected one of id, prompt (did you mean "prompt"?); ` +
      'id: found string "", expected a string of at least 1 character; ' +
      'prompt: found nothing, expected a string; a line is {"id", "prompt"}',
  );
});

test('a UserError of a record is a problem of its line; any other error is a defect', async (t) => {
  const [path] = await files(t, '1\n2\n');
  const refusing = (error: Error) => (): never => {
    throw error;
  };
  const refused = readJsonLines([path ?? ''], { ...numbers, record: refusing(new UserError('too small; add 1')) });
  assert.deepEqual(await messageOf(refused), [`${path}:1: too small; add 1`, `${path}:2: too small; add 1`]);
  const defect = new TypeError('x is not a function');
  await assert.rejects(
    readJsonLines([path ?? ''], { ...numbers, record: refusing(defect) }),
    (error) => error === defect,
  );
});

test('a line that is too long is a problem, and the next one is read', async (t) => {
  const [path] = await files(t, `"${'a'.repeat(1 << 24)}"\n"b"\n`);
  assert.deepEqual(await messageOf(readJsonLines([path ?? ''], numbers)), [
    `${path}:1: longer than 16 MiB; write one record a line, without line breaks inside`,
    `${path}:2: found string "b", expected a finite number; a line is a number`,
  ]);
});

test('a missing file, a folder and files without lines are errors that say what to name', async (t) => {
  const [empty] = await files(t, '\n\n');
  const directory = join(empty ?? '', '..');
  await assert.rejects(readJsonLines([empty ?? ''], numbers), /0\.jsonl: no lines; write a number, one a line$/);
  await assert.rejects(readJsonLines(['/none.jsonl'], numbers), /^UserError: \/none\.jsonl: does not exist; name a/);
  await assert.rejects(readJsonLines([directory], numbers), /: cannot be read: EISDIR.*; name a file of JSON lines/);
});
