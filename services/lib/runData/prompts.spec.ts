// Prompts: their forms, and a drawing order whose only state is a position.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readRecords } from '@gapo/data';
import { TextCodec } from '@gapo/model';
import { at } from '@gapo/numeric';
import { temporaryDirectory } from '@gapo/service/testing';
import { drawPrompts, promptFormat, type EncodedPrompt, type PromptRecord } from './prompts.js';
import { type RecordList } from './recordList.js';
import { byteTokenizer } from './testing.fixture.js';

const codec = new TextCodec(byteTokenizer, { endId: 0, endIds: [0], context: 8 });

async function read(t: TestContext, content: string): Promise<readonly EncodedPrompt[]> {
  const path = join(await temporaryDirectory(t), 'train.jsonl');
  await writeFile(path, content);
  const records: EncodedPrompt[] = [];
  await readRecords([path], promptFormat(codec), (record) => records.push(record));
  return records;
}

function records(count: number): RecordList<PromptRecord> {
  const all = Array.from({ length: count }, (_, index): PromptRecord => ({
    index,
    id: `p${index}`,
    text: 'x',
    turns: [{ role: 'user', content: 'x' }],
    metadata: {},
    tokenIds: [1],
  }));
  return { length: count, get: (index) => at(all, index) };
}

test('prompts keep the order of the file; other columns are metadata; an id is the line number unless it is given', async (t) => {
  const content =
    '{"id":"a","prompt":"one","topic":"x","level":[2]}\n\n{"prompt":"two","topic":null}\n{"id":7,"prompt":"six"}\n';
  const [first, second, third, ...more] = await read(t, content);
  assert.deepEqual(more, []);
  assert.deepEqual(first, {
    id: 'a',
    text: 'one',
    turns: [{ role: 'user', content: 'one' }],
    metadata: { topic: 'x', level: '[2]' },
    tokenIds: [111, 110, 101],
  });
  assert.deepEqual([second?.id, second?.metadata], ['3', {}]);
  assert.deepEqual(third?.id, '7');
});

test('the text of a conversation is the last turn of the user', async (t) => {
  const turns = [
    { role: 'system', content: 's' },
    { role: 'user', content: 'a' },
    { role: 'assistant', content: 'b' },
    { role: 'user', content: 'c' },
  ];
  const chat = new TextCodec(
    { ...byteTokenizer, renderChat: (some) => some.map(({ content }) => content).join('') },
    { endId: 0, endIds: [0], context: 8 },
  );
  const path = join(await temporaryDirectory(t), 'train.jsonl');
  await writeFile(path, JSON.stringify({ prompt: turns }));
  const records: EncodedPrompt[] = [];
  await readRecords([path], promptFormat(chat), (record) => records.push(record));
  assert.deepEqual(records[0]?.turns, turns);
  assert.equal(records[0].text, 'c');
  assert.equal(Buffer.from(records[0].tokenIds).toString(), 'sabc');
});

test('the error lists every invalid line', async (t) => {
  const lines = [
    '{"id":"a","prompt":"one"}',
    '{',
    '{"id":"a","prompt":"two"}',
    '{"id":"b"}',
    '{"id":"c","prompt":"far too long"}',
  ];
  const error = await read(t, lines.join('\n')).catch((reason: unknown) => reason);
  const [json = '', id = '', prompt = '', length = '', ...others] = (error as Error).message.split('\n');
  assert.deepEqual(others, []);
  assert.match(json, /train\.jsonl:2: not JSON: it ends too early, at column 2$/);
  assert.match(id, /train\.jsonl:3: id: line 1 already has this id; give each line its own; a line is/);
  assert.match(prompt, /:4: prompt: found nothing, expected one of prompt, .*; the columns are id: name the right one/);
  assert.match(length, /:5: the prompt has 12 tokens, the model's context leaves 7; shorten it/);
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
