// While a coordinator reads a run's data, it answers other calls; CreateRun returns the errors.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkHealth } from '@gapo/rpc';
import { createRun, deadlineMs, runYaml, startAll, until } from '../fixtures/world.fixture.js';

const manyPrompts = Array.from(
  { length: 20_000 },
  (_, i) => `${JSON.stringify({ prompt: 'abcde'.slice(i % 5) })}\n`,
).join('');

test('health checks and other calls are answered while a large file is read', async (t) => {
  const { world, coordinator } = await startAll(t);
  await writeFile(join(world.directory, 'train.jsonl'), manyPrompts);
  let created = false;
  const creating = createRun(coordinator, world, runYaml({ steps: 1 })).then(() => (created = true));
  // Each round trip needs the coordinator's event loop: if reading blocked it, they would complete only
  // after CreateRun.
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

test('a problem with a file is the error of the call, without the contents of the file', async (t) => {
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
