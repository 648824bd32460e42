// Data is read in a child process: calls are answered meanwhile, errors cross with their text, and limits end a reading.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkHealth } from '@gapo/rpc';
import { byteTokenizer } from '../fixtures/tokens.fixture.js';
import { createRun, deadlineMs, runYaml, scratch, startAll, until, writeInputs } from '../fixtures/world.fixture.js';
import { DataReader, type DataRequest } from './dataReader.js';
import { recordsOf } from './recordList.js';
import { readRunData, unpackRunData } from './runData.js';

const manyPrompts = Array.from(
  { length: 20_000 },
  (_, i) => `${JSON.stringify({ prompt: 'abcde'.slice(i % 5) })}\n`,
).join('');

function request(directory: string, prompts: string): DataRequest {
  return {
    config: { data: { prompts, overlong: 'refuse' }, rollout: { maxNewTokens: 6 }, objectives: [] },
    baseDirectory: directory,
    tokenizer: { directory: join(directory, 'model'), options: {} },
    decoder: { eosIds: [2], context: 32, vocabulary: 100 },
  };
}

test('health checks and other calls are answered while a large file is read', async (t) => {
  const { world, coordinator } = await startAll(t);
  await writeFile(join(world.directory, 'train.jsonl'), manyPrompts);
  let created = false;
  const creating = createRun(coordinator, world, runYaml({ steps: 1 })).then(() => (created = true));
  // Each round trip needs the coordinator's event loop: one that reads would answer only after CreateRun.
  for (let answered = 0; answered < 20; answered++) {
    assert.equal(await checkHealth(world.coordinator.address, 600_000), 'SERVING');
    await coordinator.client.ListRuns({}, { deadlineMs });
  }
  assert.equal(created, false, 'the calls are answered before the run is created');
  await creating;
  await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
});

test('a call that its caller gives up creates no run, and the next one does', async (t) => {
  const { world, coordinator } = await startAll(t);
  await writeFile(join(world.directory, 'large.jsonl'), manyPrompts);
  const gone = new AbortController();
  const configYaml = runYaml({ steps: 1 }).replace('train.jsonl', 'large.jsonl');
  const calling = coordinator.client.CreateRun(
    { configYaml, baseDirectory: world.directory, runId: 'bandit' },
    { deadlineMs, signal: gone.signal },
  );
  await coordinator.client.ListRuns({}, { deadlineMs });
  gone.abort();
  await assert.rejects(calling, { code: 'CANCELLED' });
  const { runs } = await coordinator.client.ListRuns({}, { deadlineMs });
  assert.deepEqual(runs, []);
});

test('a problem of a file is the answer of the call, without the contents of the file', async (t) => {
  const { world, coordinator } = await startAll(t);
  await writeFile(join(world.directory, 'train.jsonl'), 'SECRET=abc123\nroot:*:20250::\n');
  const creating = createRun(coordinator, world, runYaml());
  await assert.rejects(creating, (error: unknown) => {
    const { code, details } = error as { readonly code: string; readonly details: string };
    assert.equal(code, 'INVALID_ARGUMENT');
    assert.match(details, /train\.jsonl:1: not JSON: wrong at column 1\n.*train\.jsonl:2: not JSON: wrong at column 1/);
    assert.doesNotMatch(details, /SECRET|abc|root|20250/);
    return true;
  });
});

test('records cross processes unchanged', async (t) => {
  const directory = await scratch(t);
  await writeInputs(directory);
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
  const directory = await scratch(t);
  await writeInputs(directory);
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
  const directory = await scratch(t);
  const prompts = join(directory, 'a.jsonl');
  await writeFile(prompts, ['abc', 'abcdefgh', 'ab'].map((prompt) => JSON.stringify({ prompt })).join('\n'));
  const read = async (overlong: 'refuse' | 'drop' | 'truncate-left') => {
    const config = { data: { prompts, overlong }, rollout: { maxNewTokens: 4 }, objectives: [] };
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
