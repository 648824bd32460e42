// Tokenizers on which the native library ends its process: the error names the file, and the next data set is read.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { temporaryDirectory } from '@gapo/service/testing';
import { DataReader, type DataRequest } from './dataReader.js';
import { writeLetterModel } from './testing.fixture.js';

type Json = Record<string, unknown>;

const decoder = { eosIds: [2], context: 32, vocabulary: 100 };

/** Writes a model whose tokenizer has the given components, and a prompt. */
async function inputs(t: TestContext, change: (json: Json) => Json, prompt: string): Promise<DataRequest> {
  const baseDirectory = await temporaryDirectory(t);
  await writeLetterModel(join(baseDirectory, 'model'));
  const directory = join(baseDirectory, 'model');
  const path = join(directory, 'tokenizer.json');
  const json = JSON.parse(await readFile(path, 'utf8')) as Json;
  await writeFile(path, JSON.stringify({ ...json, ...change(json) }));
  await writeFile(join(baseDirectory, 'a.jsonl'), `${JSON.stringify({ prompt })}\n`);
  return {
    config: {
      policy: {},
      data: { prompts: 'a.jsonl', overlong: 'truncate-left' },
      rollout: { maxNewTokens: 6 },
      objectives: [],
    },
    baseDirectory,
    tokenizer: { directory, options: {} },
    decoder,
  };
}

const split = (pattern: string): Json => ({
  pre_tokenizer: { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
});

function reader(t: TestContext, memoryMiB = 1536): DataReader {
  const reader = new DataReader({ limitMs: 600_000, memoryMiB });
  t.after(() => reader.close());
  return reader;
}

describe('a tokenizer that ends the process', () => {
  test('while it is read', async (t) => {
    const request = await inputs(
      t,
      ({ model }) => ({
        model: {
          ...(model as Json),
          continuing_subword_prefix: '####',
          vocab: { a: 0, b: 1, ab: 2 },
          merges: [['a', 'b']],
        },
      }),
      'a',
    );
    await assert.rejects(reader(t).read(request), {
      name: 'UserError',
      message:
        /model\/tokenizer\.json: the process that reads it ended: range end index .* out of range .*; if the row/,
    });
  });

  test('by a pattern that backtracks; another data set is read meanwhile', async (t) => {
    const data = reader(t);
    const damaged = await inputs(t, () => split('(a+)+$'), `${'a'.repeat(40)}b`);
    const ordinary = await inputs(t, () => ({}), 'abc');
    const [failed, read] = await Promise.allSettled([data.read(damaged), data.read(ordinary)]);
    assert.equal(failed.status, 'rejected');
    assert.match(
      String(failed.reason),
      /UserError: a\.jsonl.*: the process that reads it ended: .*retry-limit-in-match over.*; if the row.*tokenizer\.json/,
    );
    assert.ok(read.status === 'fulfilled' && read.value.prompts.length === 1);
    assert.equal((await data.read(ordinary)).prompts.length, 1);
  });
});

test('processes have a limit of memory', { skip: process.platform !== 'linux' }, async (t) => {
  const request = await inputs(t, () => ({}), 'a');
  const data = reader(t, 32);
  await assert.rejects(
    data.read(request),
    /UserError: .*: reading the data took more than 32 MiB of memory; .*DATA_MEMORY_MIB/,
  );
  await assert.rejects(
    data.tokenizer(request.tokenizer).decodeAll([[3]]),
    /UserError: .*tokenizer\.json: the tokens of completions could not be decoded: it needed more than 32 MiB/,
  );
});

test(
  'tokens are decoded in a process, and again where that was killed',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const { tokenizer } = await inputs(t, () => ({}), 'a');
    const texts = reader(t).tokenizer(tokenizer);
    assert.deepEqual(
      await texts.decodeAll([
        [3, 4],
        [2, 5],
      ]),
      ['ab', 'c'],
    );
    const children = await readFile(`/proc/self/task/${process.pid}/children`, 'utf8');
    for (const pid of children.trim().split(' ')) process.kill(Number(pid), 'SIGKILL');
    assert.deepEqual(await texts.decodeAll([[2, 5]], { specialTokens: 'keep' }), ['</s>c']);
  },
);
