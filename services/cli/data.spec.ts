/** `gapo data` as a process: what it writes, skips and reports, and that it writes nothing after a mistake. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { type Columns, promptForm } from '@gapo/data';
import { UserError } from '@gapo/service';
import { gapo, temporaryFolder } from './cli.fixture.js';
import { convertData } from './convertedData.js';

/** Writes rows to a file of a temporary folder, and runs a command that reads it and writes out.jsonl there. */
async function converted(t: TestContext, rows: readonly unknown[], [command = '', ...args]: readonly string[]) {
  const folder = temporaryFolder(t);
  const file = join(folder, 'rows.jsonl');
  writeFileSync(file, rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n'));
  const out = join(folder, 'out.jsonl');
  const ended = await gapo(t, ['data', command, file, ...args, '--out', out, '--json']);
  const lines = existsSync(out) ? readFileSync(out, 'utf8').trimEnd().split('\n') : [];
  return { ...ended, folder, file, lines: lines.map((line) => JSON.parse(line) as unknown) };
}

const labelled = ['--map', 'chosen=response_0', '--map', 'rejected=response_1', '--label', 'helpful=better'];

test('pairs are written, and what is left out is counted by reason', async (t) => {
  const rows = [
    { prompt: 'a', response_0: 'b', response_1: 'c', better: 1 },
    { prompt: 'a', response_0: '', response_1: 'c', better: 1 },
    { prompt: 'a', response_0: 'b', response_1: 'b', better: 1 },
    { prompt: 'd', response_0: 'e', response_1: 'f', better: 0 },
    { prompt: '\n\nHuman: a\n\nHuman: b\n\nAssistant:', response_0: 'e', response_1: 'f', better: 0 },
    { prompt: '\n\nHuman: \n\nAssistant: a\n\nHuman: b', response_0: 'e', response_1: 'f', better: 0 },
  ];
  const { code, stdout, stderr, lines } = await converted(t, rows, ['pairs', ...labelled]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(lines, [
    { prompt: 'a', chosen: 'c', rejected: 'b', labels: { helpful: 1 } },
    { prompt: 'd', chosen: 'e', rejected: 'f', labels: { helpful: 1 } },
  ]);
  const { file: _, ...result } = JSON.parse(stdout) as Record<string, unknown>;
  assert.deepEqual(result, {
    rows: 6,
    pairs: 2,
    labels: { helpful: 2 },
    leftOut: {
      'chosen (column response_0): found an empty text, expected a text that is not empty': 1,
      'rejected: is the same text as chosen': 1,
      'prompt: two turns in a row are by "user"': 1,
      'prompt: a turn by "user" is empty': 1,
    },
  });
});

test('prompts are written once and in order, without those of other files, also if they fill many batches', async (t) => {
  const rows = Array.from({ length: 1500 }, (_, i) => ({ prompt: `${i} ${'x'.repeat(300)}` }));
  const other = join(temporaryFolder(t), 'other.jsonl');
  const [first, ...rest] = rows;
  writeFileSync(other, JSON.stringify({ prompt: [{ role: 'user', content: first?.prompt }] }));
  const { code, stderr, lines } = await converted(t, [...rows, ...rest], ['prompts', '--except', other]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(lines, rest);
});

test('an objective without a label is an error, and nothing is written', async (t) => {
  const rows = [{ prompt: 'a', response_0: 'b', response_1: 'c', better: 1 }];
  const { code, stderr, folder } = await converted(t, rows, ['pairs', ...labelled, '--label', 'harmless=safer']);
  assert.equal(code, 2, stderr);
  assert.match(stderr, /rows\.jsonl: no row has a label for harmless, from safer/);
  assert.deepEqual(readdirSync(folder), ['rows.jsonl']);
});

for (const [what, content, map, message] of [
  ['a damaged line', '{"prompt": "a"}\n{"prompt": ', {}, /rows\.jsonl:2: /],
  ['no row that is left', '{"prompt": ""}', {}, /no row is left\n {2}1 × prompt: found an empty text/],
  ['a mapped column in no row', '{"prompt": "a"}', { prompt: 'x' }, /no row has a column "x"/],
] as const) {
  test(`${what} is an error, and nothing is written`, async (t) => {
    const folder = temporaryFolder(t);
    const file = join(folder, 'rows.jsonl');
    writeFileSync(file, content);
    const convert = (columns: Columns): readonly object[] => [promptForm(columns)];
    await assert.rejects(
      convertData([file], join(folder, 'out.jsonl'), { map, convert }),
      (error: unknown) => error instanceof UserError && message.test(error.message),
    );
    assert.deepEqual(readdirSync(folder), ['rows.jsonl']);
  });
}

test('a file that does not exist is an error, and nothing is written', async (t) => {
  const folder = temporaryFolder(t);
  const out = join(folder, 'new', 'out.jsonl');
  await assert.rejects(convertData([join(folder, 'rows.jsonl')], out, { convert: () => [] }), /does not exist/);
  assert.ok(!existsSync(out));
});
