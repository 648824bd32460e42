// Texts and pairs: each form of line, and errors that list every invalid line.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TextTokenizer } from '@gapo/model';
import { temporaryDirectory } from '@gapo/service/testing';
import { recordsOf } from './recordList.js';
import { type PackedRunData, readRunData, unpackRunData } from './runData.js';
import { byteTokenizer } from './testing.fixture.js';

/** Every digit is a token. Texts begin with token 1, completions end with token 2. */
const tokenizer: TextTokenizer = {
  ...byteTokenizer,
  affixes: { prepended: [1], appended: [] },
  encodeAll: async (texts) => texts.map((text) => [...text].map(Number)),
  decode: async (ids) => ids.join(''),
};

/** Reads one file of a run. */
async function read(key: 'pairs' | 'pretraining', path: string, names: readonly string[] = ['a', 'b']) {
  const config = {
    data: { [key]: path, overlong: 'refuse' as const },
    policy: {},
    rollout: { maxNewTokens: 1 },
    objectives: names.map((name) => ({ name })),
  };
  const policy = { endId: 2, endIds: [2], context: 6 };
  const packed: PackedRunData = await readRunData(config, '/', tokenizer, policy, () => undefined);
  return unpackRunData(packed);
}

test('files of pairs and texts are read as a whole, or the error lists every invalid line', async (t) => {
  const path = join(await temporaryDirectory(t), 'lines.jsonl');
  const lines = (values: readonly unknown[]): Promise<void> =>
    writeFile(path, values.map((value) => `${typeof value === 'string' ? value : JSON.stringify(value)}\n`).join(''));
  await lines([
    { prompt: '3', chosen: '4', rejected: '52', labels: { a: 1 } },
    { prompt: '3', chosen: '4', rejected: '5', labels: { b: -1, a: 0 } },
  ]);
  assert.deepEqual(
    [...recordsOf((await read('pairs', path)).pairs)],
    [
      {
        chosen: { promptIds: [1, 3], completionIds: [4, 2] },
        rejected: { promptIds: [1, 3], completionIds: [5, 2] },
        labels: [1, 0],
      },
      {
        chosen: { promptIds: [1, 3], completionIds: [4, 2] },
        rejected: { promptIds: [1, 3], completionIds: [5, 2] },
        labels: [0, -1],
      },
    ],
  );
  await assert.rejects(read('pairs', path, ['a', 'b', 'c']), /no pair has a label for c/);
  await lines([
    '{',
    { prompt: '3', chosen: '4', rejected: '5', labels: { c: 1 } },
    { prompt: '3', chosen: '4', rejected: '5', labels: { a: 0 } },
    { prompt: '3', chosen: '4', rejected: '5', labels: { a: 2 } },
    { prompt: '3', chosen: '44444', rejected: '5', labels: { a: 1 } },
  ]);
  await assert.rejects(read('pairs', path), (error) => {
    const found = (error as Error).message.split('\n');
    assert.equal(found.length, 5);
    assert.match(found[0] ?? '', /lines\.jsonl:1: not JSON/);
    assert.match(found[1] ?? '', /:2: labels has "c", the objectives are a, b/);
    assert.match(found[2] ?? '', /:3: every label is 0/);
    assert.match(found[3] ?? '', /:4: labels\.a: found number 2, expected 1, 0 or -1; a line is \{"prompt", "chosen"/);
    assert.match(found[4] ?? '', /:5: it has 8 tokens, the model's context is 6/);
    return true;
  });
  await lines([{ prompt: '3', chosen: '4', rejected: '5' }]);
  assert.deepEqual([...recordsOf((await read('pairs', path, ['a'])).pairs)][0]?.labels, [1]);
  await assert.rejects(read('pairs', path), /:1: labels: found nothing, expected an object with 1, 0 or -1 for a, b/);
  await lines([{ text: '345' }, { prompt: '3', completion: '4' }]);
  assert.deepEqual(
    [...recordsOf((await read('pretraining', path)).texts)],
    [
      { promptIds: [1], completionIds: [3, 4, 5, 2] },
      { promptIds: [1, 3], completionIds: [4, 2] },
    ],
  );
  await lines([{ texts: '3' }]);
  await assert.rejects(
    read('pretraining', path),
    /:1: found none of text, prompt.*; the columns are texts: .*; a line is \{"text"\} or \{"prompt"/,
  );
});
