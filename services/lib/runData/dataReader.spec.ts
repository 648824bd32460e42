// Data is read in a child process: records cross unchanged, errors with their text, and limits end a reading.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '@gapo/service/testing';
import { DataReader, type DataRequest } from './dataReader.js';
import { recordsOf } from './recordList.js';
import { readRunData, unpackRunData } from './runData.js';
import { byteTokenizer, writeLetterModel } from './testing.fixture.js';

const manyPrompts = Array.from(
  { length: 20_000 },
  (_, i) => `${JSON.stringify({ prompt: 'abcde'.slice(i % 5) })}\n`,
).join('');

function request(directory: string, prompts: string): DataRequest {
  return {
    config: { policy: {}, data: { prompts, overlong: 'refuse' }, rollout: { maxNewTokens: 6 }, objectives: [] },
    baseDirectory: directory,
    tokenizer: { directory: join(directory, 'model'), options: {} },
    decoder: { eosIds: [2], context: 32, vocabulary: 100 },
  };
}

test('records cross processes unchanged', async (t) => {
  const directory = await temporaryDirectory(t);
  await writeLetterModel(join(directory, 'model'));
  const lines = [
    { prompt: 'ab', answer: 'é👋', level: 3 },
    { id: 'x', prompt: 'c' },
  ];
  await writeFile(join(directory, 'few.jsonl'), lines.map((line) => JSON.stringify(line)).join('\n'));
  const reader = new DataReader({ limitMs: 600_000 });
  t.after(() => reader.close());
  const { prompts, heldOut, files } = await reader.read(request(directory, 'few.jsonl'));
  assert.deepEqual(
    [...recordsOf(prompts)],
    [
      {
        index: 0,
        id: '1',
        text: 'ab',
        turns: [{ role: 'user', content: 'ab' }],
        metadata: { answer: 'é👋', level: '3' },
        tokenIds: [3, 4],
      },
      { index: 1, id: 'x', text: 'c', turns: [{ role: 'user', content: 'c' }], metadata: {}, tokenIds: [5] },
    ],
  );
  assert.equal(heldOut, undefined);
  assert.deepEqual(
    files.map(({ key, file, rows, dropped, truncated }) => [key, file, rows, dropped, truncated]),
    [['prompts', 'few.jsonl', 2, 0, 0]],
  );
  assert.throws(() => prompts.get(2), RangeError);
});

test('a reading that exceeds its limit, or whose reader closes, ends with an error', async (t) => {
  const directory = await temporaryDirectory(t);
  await writeLetterModel(join(directory, 'model'));
  await writeFile(join(directory, 'large.jsonl'), manyPrompts);
  const brief = new DataReader({ limitMs: 1 });
  t.after(() => brief.close());
  await assert.rejects(
    brief.read(request(directory, 'large.jsonl')),
    /took longer than 0\.001 s, the limit of DATA_SECONDS/,
  );
  const closed = new DataReader({ limitMs: 600_000 });
  const reading = closed.read(request(directory, 'large.jsonl'));
  closed.close();
  await assert.rejects(reading, { code: 'CANCELLED' });
});

test('rows that are too long are refused, left out or cut, and counted', async (t) => {
  const directory = await temporaryDirectory(t);
  const prompts = join(directory, 'a.jsonl');
  await writeFile(prompts, ['abc', 'abcdefgh', 'ab'].map((prompt) => JSON.stringify({ prompt })).join('\n'));
  const read = async (overlong: 'refuse' | 'drop' | 'truncate-left') => {
    const config = { policy: {}, data: { prompts, overlong }, rollout: { maxNewTokens: 4 }, objectives: [] };
    const policy = { endIds: [0], endId: 0, context: 8 };
    const data = unpackRunData(await readRunData(config, '/', byteTokenizer, policy, () => undefined));
    const ids = [...recordsOf(data.prompts)].map(({ id, tokenIds }) => `${id} ${Buffer.from(tokenIds).toString()}`);
    return { ids, counts: data.files.map(({ dropped, truncated }) => [dropped, truncated]) };
  };
  await assert.rejects(
    read('refuse'),
    /:2: the prompt has 8 tokens, the model's context of 8 leaves 4 next to a completion/,
  );
  assert.deepEqual(await read('drop'), { ids: ['1 abc', '3 ab'], counts: [[1, 0]] });
  assert.deepEqual(await read('truncate-left'), { ids: ['1 abc', '2 efgh', '3 ab'], counts: [[0, 1]] });
});
