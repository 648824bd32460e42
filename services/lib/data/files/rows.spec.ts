/** Data files: the same rows from every format, and errors that say where the file is wrong without quoting it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { UserError } from '@gapo/service';
import fc from 'fast-check';
import { dataFile, rowsIn } from '../testing.fixture.js';
import { rowsOf } from './rows.js';

const rows = [{ prompt: 'Grüße 👋, [a] {b} "c" \\', level: [1, { x: null }] }, { prompt: 'two\nlines' }];
const json = rows.map((row) => JSON.stringify(row));
const mark = '\ufeff';

describe('the same rows', () => {
  for (const [what, name, content] of [
    ['lines', 'a.jsonl', json.join('\n')],
    ['lines in .json, as on the Hub', 'a.json', `${json.join('\n')}\n`],
    ['lines with a byte-order mark, CRLF and blank lines', 'a.jsonl', `${mark}\r\n${json.join('\r\n\r\n  \r\n')}\r\n`],
    ['lines under a name that says nothing', 'train', json.join('\n')],
    ['lines in gzip', 'a.jsonl.gz', gzipSync(`${mark}${json.join('\n')}`)],
    ['lines in several members of gzip', 'a.jsonl.gz', Buffer.concat(json.map((line) => gzipSync(`${line}\n`)))],
    ['an array', 'a.json', `${mark} [${json.join(',')}]\n`],
    ['an array on many lines', 'a.json', JSON.stringify(rows, null, 2)],
    ['an array in gzip', 'a.json.gz', gzipSync(JSON.stringify(rows, null, 2))],
  ] as const) {
    test(what, async (t) => {
      assert.deepEqual(await rowsIn(await dataFile(t, name, content)), rows);
    });
  }

  test('lines and arrays of any texts, wherever chunks end', async (t) => {
    const text = fc
      .tuple(fc.string({ unit: 'binary', minLength: 1 }), fc.nat(20_000))
      .map(([piece, times]) => piece.repeat(times));
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          text.map((each) => ({ text: each })),
          { minLength: 1, maxLength: 6 },
        ),
        async (values) => {
          const lines = await dataFile(t, 'a.jsonl', values.map((value) => `${JSON.stringify(value)}\n`).join(''));
          const array = await dataFile(t, 'a.json', JSON.stringify(values, null, 1));
          assert.deepEqual(await rowsIn(lines), values);
          assert.deepEqual(await rowsIn(array), values);
        },
      ),
      { numRuns: 20 },
    );
  });
});

test('numbers that JavaScript would round are texts', async (t) => {
  const content =
    '{"id": 1234567890123456789, "x": [-9007199254740993, 9007199254740991, 1e400, 0.1234567890123456789], ' +
    '"text": "1234567890123456789 \\" 1e400", "12345678901234567890": 1.5e3}';
  const expected = {
    id: '1234567890123456789',
    x: ['-9007199254740993', 9007199254740991, '1e400', 0.1234567890123456789], // eslint-disable-line no-loss-of-precision
    text: '1234567890123456789 " 1e400',
    '12345678901234567890': 1500,
  };
  assert.deepEqual(await rowsIn(await dataFile(t, 'a.jsonl', content)), [expected]);
});

test('a row knows its place and number, and the file its SHA-256', async (t) => {
  const content = '\n{"a": 1}\n\n{"a": 2}';
  const file = await dataFile(t, 'a.jsonl', content);
  const found: string[] = [];
  const reading = rowsOf(file);
  let next = await reading.next();
  for (; next.done !== true; next = await reading.next()) found.push(`${next.value.number} ${next.value.place}`);
  assert.deepEqual(found, [`2 ${file}:2`, `4 ${file}:4`]);
  assert.equal(next.value, createHash('sha256').update(content).digest('hex'));
  const items = await dataFile(t, 'b.json', '[\n{"a": 1},\n{"a":\n 2}]');
  const places: string[] = [];
  for await (const { number, place } of rowsOf(items)) places.push(`${number} ${place}`);
  assert.deepEqual(places, [`1 ${items}:2`, `2 ${items}:3`]);
});

const values = JSON.parse(
  readFileSync(new URL('../../../../../test/oracle/values/data_files.json', import.meta.url), 'utf8'),
) as {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly files: Readonly<Record<string, string>>;
  readonly plain: string;
  readonly picture: string;
};

describe('Parquet', () => {
  const bytes = (base64: string): Uint8Array => Buffer.from(base64, 'base64');
  // Integers that JSON cannot express are texts.
  const expected = values.rows.map((row) => (row['prompt'] === 'two' ? { ...row, level: '9007199254740993' } : row));

  for (const [what, content] of Object.entries(values.files)) {
    test(`of pyarrow: ${what}`, async (t) => {
      assert.deepEqual(await rowsIn(await dataFile(t, 'a.parquet', bytes(content))), expected);
    });
  }

  test('texts without their annotation are read, and bytes that are not text are refused', async (t) => {
    assert.deepEqual(await rowsIn(await dataFile(t, 'a.parquet', bytes(values.plain))), [
      { prompt: 'Grüße' },
      { prompt: 'two' },
    ]);
    await assert.rejects(rowsIn(await dataFile(t, 'a.parquet', bytes(values.picture))), /not UTF-8/);
  });

  test('a damaged file is refused', async (t) => {
    const whole = bytes(values.files['snappy'] ?? '');
    const cut = await dataFile(t, 'cut.parquet', whole.subarray(0, whole.length - 20));
    await assert.rejects(rowsIn(cut), /cut\.parquet: damaged Parquet, or of a kind that is not supported: /);
    // A column under a name that the schema lacks, in the metadata of a row group.
    const renamed = Buffer.from(whole);
    renamed.write('prompX', renamed.lastIndexOf('prompt'));
    await assert.rejects(
      rowsIn(await dataFile(t, 'renamed.parquet', renamed)),
      /renamed\.parquet: damaged Parquet: the columns of row group \d+ are not those of the schema/,
    );
    // A run of so many values that reading them would not end.
    const endless = bytes(values.files['without a dictionary, page version 2'] ?? '');
    endless.set([0xff, 0xff, 0xff, 0xff, 0x0f], 20);
    await assert.rejects(async () => {
      for await (const { columns } of rowsOf(await dataFile(t, 'endless.parquet', endless), 1000)) columns();
    }, /endless\.parquet: damaged Parquet, or a row group that takes more than 1 s to read/);
    assert.equal((await rowsIn(await dataFile(t, 'whole.parquet', whole))).length, expected.length);
    const compressed = await dataFile(t, 'a.parquet.gz', gzipSync(whole));
    await assert.rejects(rowsIn(compressed), /Parquet within gzip; decompress it/);
  });
});

describe('a file that is not data is refused, and the error says what to do', () => {
  for (const [name, content, message] of [
    ['a.csv', 'prompt,answer\none,two\n', /a\.csv: CSV, .*; convert it: datasets\.load_dataset\("csv"/],
    ['a.tsv', 'prompt\tanswer\n', /a\.tsv: TSV, /],
    ['a.xlsx', Buffer.from('PK\x03\x04...'), /a ZIP archive or a spreadsheet; unpack it, or export JSON Lines/],
    ['a.arrow', Buffer.from('ARROW1\0\0'), /an Arrow file; write Parquet: datasets\.load_from_disk/],
    ['a.arrow', Buffer.from([0xff, 0xff, 0xff, 0xff, 0x10, 0]), /an Arrow stream; write Parquet/],
    ['a.jsonl.zst', Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), /compressed with zstd; decompress it/],
    ['a.jsonl', Buffer.from(`${mark}{"a": 1}`, 'utf16le'), /UTF-16; save the file as UTF-8/],
    ['a.jsonl', '[{"a": 1}]', /the name says JSON Lines, the contents are a JSON array; name it \.json/],
    ['a.parquet', '{"a": 1}', /the name says Parquet, the contents are text; rename or convert the file/],
    ['a.jsonl.gz', '{"a": 1}', /the name says gzip, the contents are not; rename the file/],
    ['a.jsonl', gzipSync('{"a": 1}'), /the contents are compressed with gzip; add \.gz to the name/],
    [
      'a.jsonl.gz',
      gzipSync('{"a": 1}\n'.repeat(99_999)).subarray(0, 300),
      /damaged gzip data: .*; copy the file again/,
    ],
    ['a.json', '[{"a": 1}', /a\.json:1: the file ends within the array/],
    ['a.json', '[{"a": 1}]\n[]', /a\.json:2: the array has ended, but more follows/],
  ] as const) {
    test(`${name}: ${String(message)}`, async (t) => {
      const file = await dataFile(t, name, content);
      await assert.rejects(rowsIn(file), (error: unknown) => error instanceof UserError && message.test(error.message));
    });
  }

  test('a folder, a device and a missing file', async (t) => {
    const file = await dataFile(t, 'a.jsonl', '{}');
    await assert.rejects(rowsIn(dirname(file)), /: is a directory; name a file of JSON Lines/);
    await assert.rejects(rowsIn('/dev/zero'), /^UserError: \/dev\/zero: is not a regular file/);
    await assert.rejects(rowsIn(`${file}.none`), /\.none: does not exist; name a file/);
  });
});

test('an error in JSON has its place, and does not quote the text', async (t) => {
  for (const [text, message] of [
    ['SECRET=abc123hunter2', /^not JSON: wrong at column 1$/],
    ['{"a": SECRET}', /^not JSON: wrong at column 7$/],
    ['{"a": "x" "b"}', /^not JSON: wrong at column 11$/],
    ["{'a': 1}", /^not JSON: wrong at column 2 \(JSON has double quotes\)$/],
    ['{"a": NaN}', /^not JSON: wrong at column 7 \(JSON has no NaN and no Infinity; write null\)$/],
    ['{"a": "tab\there"}', /^not JSON: wrong at column 11$/],
    ['{"a": "\\x"}', /^not JSON: wrong at column 8$/],
    ['{"a": [1, 2', /^not JSON: it ends too early, at column 12$/],
    ['{"a": 1,}', /^not JSON: wrong at column 9$/],
    ['{"a": 01}', /^not JSON: wrong at column 8$/],
    ['{"a": 1} {"b": 2}', /^not JSON: wrong at column 10$/],
    ['"text"', /^found a string, expected an object$/],
  ] as const) {
    const file = await dataFile(t, 'a.jsonl', text);
    await assert.rejects(rowsIn(file), (error: unknown) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, message);
      return true;
    });
  }
  const deep = await dataFile(t, 'deep.jsonl', `${'['.repeat(100_000)}x`);
  await assert.rejects(rowsIn(deep), /the name says JSON Lines, the contents are a JSON array/);
  const nested = await dataFile(t, 'deep.jsonl', `{"a": ${'['.repeat(100_000)}x`);
  await assert.rejects(rowsIn(nested), /wrong at column 100007/);
});

test('a line that is too long is a problem of that line', async (t) => {
  const file = await dataFile(t, 'a.jsonl', `{"a": "${'a'.repeat(1 << 24)}"}\n{"a": "b"}\n`);
  const found: unknown[] = [];
  for await (const { columns } of rowsOf(file)) {
    try {
      found.push(columns());
    } catch (error) {
      found.push((error as Error).message);
    }
  }
  assert.deepEqual(found, ['longer than 16 MiB; write one record a line, without line breaks inside', { a: 'b' }]);
});
