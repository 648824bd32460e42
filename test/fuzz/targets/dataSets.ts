/** Data sets: JSON Lines, JSON arrays, gzip and Parquet. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Columns, comparisonForm, preferenceForm, promptForm, readRecords } from '@gapo/data';
import fc from 'fast-check';
import { project } from '../../platform.fixture.js';
import { damagedBytes } from '../mutations/bytes.js';
import { damagedJson } from '../mutations/json.js';
import { damagedText } from '../mutations/texts.js';
import { type OpenTarget, target } from '../target.js';

const rows: readonly string[] = [
  '{"id":"1","prompt":"How do I reset it?","kind":"benign"}',
  '{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}]}',
  '{"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}]}',
  '{"instruction":"i","input":"x","output":"o","system":"s","history":[["a","b"]]}',
  '{"prompt":"p","chosen":"c","rejected":"r","labels":{"a":1,"b":-1}}',
  '{"chosen":[{"role":"user","content":"u"},{"role":"assistant","content":"a"}],"rejected":[{"role":"user","content":"u"},{"role":"assistant","content":"b"}]}',
  '{"instruction":"i","completions":[{"response":"a","annotations":{"helpfulness":{"Rating":"5"}}},{"response":"b","annotations":{"helpfulness":{"Rating":"N/A"}}},{"response":"c","annotations":{"helpfulness":{"Rating":"1"}}}]}',
  '{"prompt":"p","chosen":"c","rejected":"r","helpfulness":1}',
  '{"text":"t"}',
];

/** Shorter than what counts as a hang. */
const rowGroupMs = 5000;

const read = async (path: string, content: string | Uint8Array): Promise<void> => {
  await writeFile(path, content);
  const encode = <T>(forms: readonly T[]) => Promise.resolve(forms.map((value) => ({ value, truncated: false })));
  const forms = [
    { shape: '{"chosen", "rejected"}', form: preferenceForm },
    { shape: '{"prompt"}', form: promptForm },
    { shape: '{"completions"}', form: (columns: Columns) => comparisonForm(columns, { helpful: 'helpfulness' }) },
  ];
  const chosen = forms[content.length % forms.length];
  if (chosen !== undefined)
    await readRecords<unknown, unknown>([path], { ...chosen, encode }, () => undefined, { rowGroupMs });
};

export const jsonRows: OpenTarget = async (directory) => {
  const path = join(directory, 'rows.data');
  const lines = fc.array(damagedJson(rows), { minLength: 1, maxLength: 4 });
  return target(
    fc.oneof(
      { weight: 3, arbitrary: lines.map((all) => all.join('\n')) },
      { weight: 1, arbitrary: lines.map((all) => `[${all.join(',')}]`) },
      { weight: 1, arbitrary: damagedText([rows.join('\n'), `[${rows.join(',\n')}]`, `\ufeff${rows.join('\r\n')}`]) },
    ),
    (text) => read(path, text),
    { place: path },
  );
};

export const compressedRows: OpenTarget = async (directory) => {
  const path = join(directory, 'rows.data');
  const seeds = [gzipSync(rows.join('\n')), gzipSync(`[${rows.join(',')}]`), gzipSync(Buffer.alloc(1 << 20, 32))];
  return target(damagedBytes(seeds), (bytes) => read(path, bytes), { place: path });
};

export const parquetFiles: OpenTarget = async (directory) => {
  const path = join(directory, 'rows.data');
  const values = JSON.parse(readFileSync(join(project, 'test/oracle/values/data_files.json'), 'utf8')) as {
    readonly files: Readonly<Record<string, string>>;
  };
  const seeds = Object.values(values.files).map((base64) => Buffer.from(base64, 'base64'));
  return target(damagedBytes(seeds), (bytes) => read(path, bytes), { place: path });
};
