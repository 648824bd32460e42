// A node that is lost with its DATA_DIR: another coordinator restores the runs from the store, and they end in the same bytes.
import assert from 'node:assert/strict';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { verifyAudit } from '@gapo/access';
import { required } from '@gapo/numeric';
import { logger } from '@gapo/service';
import { temporaryDirectory } from '@gapo/service/testing';
import { openStore } from '../archive/openArchive.js';
import { RunArchive } from '../archive/runArchive.js';
import { storeKinds } from '../fixtures/store.fixture.js';
import {
  createRunHeldAt,
  getRun,
  reportsOf,
  runYaml,
  startCoordinator,
  startWorld,
  train,
  trainAlone,
  until,
  type TestCoordinator,
} from '../fixtures/world.fixture.js';
import { AuditLog } from './auditLog.js';
import { RunDirectory } from './runDirectory.js';

const config = runYaml({ steps: 4, extra: 'checkpoints: { every: 4, keep: 1 }' });
const enough = 600_000;

/** Ends a coordinator as if its node were lost: nothing more reaches the store. */
async function lose(coordinator: TestCoordinator, dataDirectory: string): Promise<void> {
  await required(coordinator.archive, 'archive').close(enough);
  await coordinator.stop(0);
  await rm(dataDirectory, { recursive: true });
}

for (const { name, start, skip } of storeKinds) {
  describe(name, { skip }, () => {
    test('runs of a lost node continue to the same bytes', async (t) => {
      const whole = await trainAlone(t, config);
      const store = await start(t);
      const world = await startWorld(t, { env: { CHECKPOINT_STORE: store } });
      const first = await startCoordinator(t, world);
      await train(first, world, config, 'earlier');
      const release = await createRunHeldAt(first, world, config, 3);
      await lose(first, join(world.directory, 'runs'));
      release();

      const second = await startCoordinator(t, world);
      const { step } = await getRun(second);
      assert.ok(step >= 2, `continues from step ${step}`);
      const ended = await until(second, 'bandit', 'RUN_STATE_SUCCEEDED');
      assert.equal(ended.versionSha256, whole.run.versionSha256);
      assert.deepEqual(
        (await reportsOf(second, 'bandit')).map((report) => report.step),
        [1, 2, 3, 4],
      );
      assert.equal((await getRun(second, 'earlier')).versionSha256, whole.run.versionSha256);
      const events = await readdir(join(world.directory, 'runs', 'bandit', 'events'));
      const audit = new AuditLog(
        new RunDirectory(join(world.directory, 'runs', 'bandit'), { assertHeld: () => undefined }),
        assert.fail,
      );
      const { lines, head } = audit.read();
      assert.deepEqual([lines.length > 0, verifyAudit(lines, head).problem], [true, undefined]);
      assert.ok(events.includes('000000000001.jsonl'), `the log of events continues: ${events.join()}`);

      await second.stop();
      const reader = await openStore(store, 'path');
      t.after(() => reader.close());
      const kept = (await reader.list('bandit/checkpoints/')).filter((key) => key.endsWith('/state.json')).sort();
      const steps = [3, 4].map((each) => `bandit/checkpoints/step-00000${each}/state.json`);
      assert.deepEqual(kept, steps, 'the store keeps what DATA_DIR keeps');
    });
  });
}

test('a failing store stops no run, and catches up once it works again', async (t) => {
  const directory = await temporaryDirectory(t);
  const place = join(directory, 'store');
  await writeFile(place, 'no directory');
  const store = await openStore(new URL(`file://${place}`).href, 'path');
  const log = logger('gapo-coordinator');
  const warned = new Promise<unknown>((resolve) =>
    t.mock.method(log, 'warn', (...[, text]: unknown[]) => resolve(text)),
  );
  const archive = new RunArchive(store, log);
  t.after(() => archive.close(0));
  await assert.rejects(archive.restoreMissing(join(directory, 'runs')), /^StoreError: CHECKPOINT_STORE .*ENOTDIR/);

  const world = await startWorld(t);
  const coordinator = await startCoordinator(t, world);
  const { run: trained } = await train(coordinator, world, config);
  await coordinator.stop();
  const path = join(world.directory, 'runs', 'bandit');
  const run = { id: 'bandit', path, checkpoints: join(path, 'checkpoints'), events: join(path, 'events') };
  archive.save({ ...run, assertWritable: () => undefined });
  assert.match(
    String(await warned),
    /run bandit: CHECKPOINT_STORE .*ENOTDIR.*; training continues, and copying is retried in 5 s/,
  );
  await rm(place);
  assert.equal(await archive.flush(enough), true);

  const others = join(world.directory, 'others');
  const restored = await archive.restoreMissing(others);
  assert.deepEqual(restored, { runs: ['bandit'], failed: new Map() });
  assert.deepEqual(await archive.restoreMissing(others), { runs: [], failed: new Map() });
  const again = await startCoordinator(t, { ...world, env: { ...world.env, DATA_DIR: others } });
  assert.equal((await getRun(again)).versionSha256, trained.versionSha256);
});

test('a coordinator without runs does not start while its store cannot be read', async (t) => {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, 'file'), '');
  const world = await startWorld(t, { env: { CHECKPOINT_STORE: `file://${join(directory, 'file', 'store')}` } });
  await assert.rejects(
    startCoordinator(t, world),
    /ENOTDIR.* has no runs, but the store may have some: start again once it answers/,
  );
  const { CHECKPOINT_STORE: _, ...without } = world.env;
  const first = await startCoordinator(t, { ...world, env: without });
  await train(first, world, config);
  await first.stop();
  const second = await startCoordinator(t, world);
  assert.equal((await getRun(second)).state, 'RUN_STATE_SUCCEEDED');
  await second.archive?.close(0);
});
