// Prompts: file errors with line numbers, and a drawing order whose only state is a position.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { TextCodec } from '@gapo/model';
import { scratch } from '../fixtures/world.fixture.js';
import { splitEvenly } from './batch.js';
import { drawPrompts, readPrompts, type PromptRecord } from './prompts.js';

/** Every byte is a token. */
const codec = new TextCodec(
  {
    encodePrompt: async (text) => [...Buffer.from(text)],
    encode: async (text) => [...Buffer.from(text)],
    decode: async (ids) => Buffer.from(ids).toString(),
    renderChat: () => undefined,
  },
  { endId: 0, endIds: [0], context: 8 },
);

function records(count: number): PromptRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    index,
    id: `p${index}`,
    text: 'x',
    turns: [{ role: 'user', content: 'x' }],
    metadata: {},
    tokenIds: [1],
  }));
}

test('reads prompts in the order of the file, and other keys as metadata', async (t) => {
  const path = join(await scratch(t), 'train.jsonl');
  await writeFile(path, '{"id":"a","prompt":"one","topic":"x","level":[2]}\n\n{"id":7,"prompt":"two","topic":null}\n');
  assert.deepEqual(await readPrompts(path, codec), [
    {
      index: 0,
      id: 'a',
      text: 'one',
      turns: [{ role: 'user', content: 'one' }],
      metadata: { topic: 'x', level: '[2]' },
      tokenIds: [111, 110, 101],
    },
    {
      index: 1,
      id: '7',
      text: 'two',
      turns: [{ role: 'user', content: 'two' }],
      metadata: {},
      tokenIds: [116, 119, 111],
    },
  ]);
});

test('the error lists every invalid line', async (t) => {
  const path = join(await scratch(t), 'train.jsonl');
  const lines = [
    '{"id":"a","prompt":"one"}',
    '{',
    '{"id":"a","prompt":"two"}',
    '{"id":"b"}',
    '{"id":"c","prompt":"far too long"}',
  ];
  await writeFile(path, lines.join('\n'));
  const error = await readPrompts(path, codec).catch((reason: unknown) => reason as Error);
  const [json = '', id, prompt = '', length = '', ...others] = (error as Error).message.split('\n');
  assert.deepEqual(others, []);
  assert.ok(json.startsWith(`${path}:2: not JSON: `));
  assert.equal(id, `${path}:3: line 1 already has the id "a"`);
  assert.match(prompt, /:4: prompt: found nothing, expected a non-empty string; a line is \{"id", "prompt"\}/);
  assert.match(length, /:5: the prompt has 12 tokens, the model's context 8; shorten it/);
});

test('a missing file and an empty file are errors', async (t) => {
  const directory = await scratch(t);
  await assert.rejects(readPrompts(join(directory, 'none.jsonl'), codec), /none\.jsonl: does not exist; name a file/);
  await writeFile(join(directory, 'empty.jsonl'), '\n');
  await assert.rejects(
    readPrompts(join(directory, 'empty.jsonl'), codec),
    /empty\.jsonl: no lines; write \{"id", "prompt"\}, one a line/,
  );
});

test('each epoch draws every prompt once, in a different order', () => {
  const prompts = records(10);
  const drawn = drawPrompts(prompts, 3, 0, 30).map(({ record }) => record.index);
  const epochs = [drawn.slice(0, 10), drawn.slice(10, 20), drawn.slice(20)];
  for (const epoch of epochs)
    assert.deepEqual(
      [...epoch].sort((a, b) => a - b),
      [...Array(10).keys()],
    );
  assert.notDeepEqual(epochs[0], epochs[1]);
});

test('only the position matters: several small draws equal one large draw', () => {
  const prompts = records(7);
  const whole = drawPrompts(prompts, 5, 0, 20).map(({ record }) => record.index);
  const parts = [0, 4, 8, 12, 16].flatMap((at) => drawPrompts(prompts, 5, at, 4).map(({ record }) => record.index));
  assert.deepEqual(parts, whole);
  assert.notDeepEqual(
    drawPrompts(prompts, 6, 0, 20).map(({ record }) => record.index),
    whole,
  );
});

test('a prompt drawn twice in a step has different random numbers each time', () => {
  const drawn = drawPrompts(records(3), 1, 2, 8);
  assert.equal(new Set(drawn.map(({ counter }) => counter)).size, 8);
  for (const { record, counter } of drawn) assert.equal(counter % 3, record.index);
});

test('ranges differ in size by at most one and cover everything', () => {
  assert.deepEqual(splitEvenly(10, 4), [
    [0, 2],
    [2, 5],
    [5, 7],
    [7, 10],
  ]);
  assert.deepEqual(splitEvenly(2, 2), [
    [0, 1],
    [1, 2],
  ]);
});
