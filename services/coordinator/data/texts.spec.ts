// Texts and pairs: each form of line, and errors that list every invalid line.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { TextCodec } from '@gapo/model';
import { scratch } from '../fixtures/world.fixture.js';
import { readPairs, readTexts } from './texts.js';

/** Every digit is a token. Prompts begin with token 1, completions end with token 2. */
const codec = new TextCodec(
  {
    encodePrompt: async (text) => [1, ...text].map(Number),
    encode: async (text, options) => [...(options?.addSpecialTokens === true ? ['1'] : []), ...text].map(Number),
    decode: async (ids) => ids.join(''),
    renderChat: () => undefined,
  },
  { endId: 2, endIds: [2], context: 6 },
);

test('files of pairs and texts are read as a whole, or the error lists every invalid line', async (t) => {
  const path = join(await scratch(t), 'lines.jsonl');
  const lines = (values: readonly unknown[]): Promise<void> =>
    writeFile(path, values.map((value) => `${typeof value === 'string' ? value : JSON.stringify(value)}\n`).join(''));
  await lines([
    { prompt: '3', chosen: '4', rejected: '52', labels: { a: 1 } },
    { prompt: '3', chosen: '4', rejected: '5', labels: { b: -1, a: 0 } },
  ]);
  assert.deepEqual(await readPairs(path, ['a', 'b'], codec), [
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
  ]);
  await assert.rejects(readPairs(path, ['a', 'b', 'c'], codec), /no pair has a label for c/);
  await lines([
    '{',
    { prompt: '3', chosen: '4', rejected: '5', labels: { c: 1 } },
    { prompt: '3', chosen: '4', rejected: '5', labels: { a: 0 } },
    { prompt: '3', chosen: '4', rejected: '5', labels: { a: 2 } },
    { prompt: '3', chosen: '44444', rejected: '5', labels: { a: 1 } },
  ]);
  await assert.rejects(readPairs(path, ['a', 'b'], codec), (error) => {
    const found = (error as Error).message.split('\n');
    assert.equal(found.length, 5);
    assert.match(found[0] ?? '', /lines\.jsonl:1: not JSON/);
    assert.match(found[1] ?? '', /:2: labels has "c", the objectives are a, b/);
    assert.match(found[2] ?? '', /:3: every label is 0/);
    assert.match(found[3] ?? '', /:4: labels\.a: found number 2, expected 1, 0 or -1; a line is \{"prompt", "chosen"/);
    assert.match(found[4] ?? '', /:5: it has 8 tokens, the model's context is 6/);
    return true;
  });
  await lines([{ text: '345' }, { prompt: '3', completion: '4' }]);
  assert.deepEqual(await readTexts(path, codec), [
    { promptIds: [1], completionIds: [3, 4, 5, 2] },
    { promptIds: [1, 3], completionIds: [4, 2] },
  ]);
  await lines([{ texts: '3' }]);
  await assert.rejects(readTexts(path, codec), /:1: .*; a line is \{"text"\} or \{"prompt"/);
});
