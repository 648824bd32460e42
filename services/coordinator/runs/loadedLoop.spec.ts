// Which training loops a coordinator keeps in memory.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from '@gapo/rpc';
import {
  createRun,
  createRunHeldAt,
  deadlineMs,
  getRun,
  runYaml,
  startAll,
  until,
  type TestCoordinator,
} from '../fixtures/world.fixture.js';
import { IdleLoops } from './idleLoops.js';
import { LoadedLoop } from './loadedLoop.js';
import type { RestoredLoop } from './restoredLoop.js';

test('a run that ended leaves memory after others, keeps its SHA-256, and is read again when it is used', async (t) => {
  const { world, coordinator } = await startAll(t);
  const policy = connect('gapo.policy.v1.PolicyService', world.coordinator.address);
  t.after(() => policy.close());
  const ids = ['a', 'b', 'c', 'd'];
  const sha256s: string[] = [];
  for (const id of ids) {
    await createRun(coordinator, world, runYaml({ steps: 1 }), id);
    sha256s.push((await until(coordinator, id, 'RUN_STATE_SUCCEEDED')).versionSha256);
  }
  const isHeld = async (runId: string): Promise<boolean> => {
    try {
      for await (const message of policy.GetVersion({ runId, version: 1 }, { deadlineMs })) void message;
      return true;
    } catch (error) {
      assert.match(String(error), /NOT_FOUND.*holds no versions in memory/);
      return false;
    }
  };
  const held = async (): Promise<string[]> => {
    const all = await Promise.all(ids.map(async (id) => ((await isHeld(id)) ? id : '')));
    return all.filter((id) => id !== '');
  };
  assert.deepEqual(await held(), ['c', 'd']);

  assert.equal(await evaluatedVersion(coordinator, 'a'), 1);
  assert.deepEqual(await held(), ['a', 'd']);
  assert.deepEqual(await Promise.all(ids.map(async (id) => (await getRun(coordinator, id)).versionSha256)), sha256s);
});

test('a run that was cancelled in a step can be evaluated after its loop has left memory', async (t) => {
  const { world, coordinator } = await startAll(t);
  const release = await createRunHeldAt(coordinator, world, runYaml({ steps: 4 }), 2, 'cancelled');
  await coordinator.client.CancelRun({ runId: 'cancelled' }, { deadlineMs });
  release();
  for (const id of ['a', 'b']) {
    await createRun(coordinator, world, runYaml({ steps: 1 }), id);
    await until(coordinator, id, 'RUN_STATE_SUCCEEDED');
  }
  assert.equal(await evaluatedVersion(coordinator, 'cancelled'), 1);
});

test('a holder of a loop keeps its versions when the run resumes, under the same key', async (t) => {
  const { world, coordinator } = await startAll(t);
  const policy = connect('gapo.policy.v1.PolicyService', world.coordinator.address);
  t.after(() => policy.close());
  const sha256Of = async (key: string, version: number): Promise<string | undefined> => {
    for await (const { header } of policy.GetVersion({ runId: key, version }, { deadlineMs })) return header?.sha256;
    return undefined;
  };
  const release = await createRunHeldAt(coordinator, world, runYaml({ steps: 3 }), 2);
  await coordinator.client.PauseRun({ runId: 'bandit' }, { deadlineMs });
  release();
  const { versionSha256 } = await until(coordinator, 'bandit', 'RUN_STATE_PAUSED');
  const held = await coordinator.runs.get('bandit').hold();
  await coordinator.client.ResumeRun({ runId: 'bandit' }, { deadlineMs });
  const end = await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
  assert.equal(await sha256Of(held.key, 2), versionSha256);
  assert.equal(await sha256Of('bandit', 3), end.versionSha256);
  held.release();
  await assert.rejects(sha256Of(held.key, 2), /NOT_FOUND.*run bandit was resumed after bandit~/);
});

test('callers share one read, but a caller that accepts changed inputs has one that accepts them', async () => {
  const reads: { accepts: boolean; end: (restored: RestoredLoop) => void }[] = [];
  const loaded = new LoadedLoop({
    runId: 'run',
    key: () => 'run~1',
    idleLoops: new IdleLoops(),
    read: (_, accepts) => new Promise((end) => reads.push({ accepts, end })),
    isTraining: () => true,
    released: () => undefined,
  });
  const results = [loaded.restore(), loaded.restore(), loaded.restore(true)];
  const endRead = (): void => reads.at(-1)?.end({ content: undefined } as unknown as RestoredLoop);
  endRead();
  assert.equal(await results[0], await results[1]);
  await Promise.resolve(); // the read that accepts them begins
  endRead();
  assert.notEqual(await results[2], await results[0]);
  assert.deepEqual(
    reads.map(({ accepts }) => accepts),
    [false, true],
  );
});

/** Evaluates the newest version of a run. */
async function evaluatedVersion({ client }: TestCoordinator, runId: string): Promise<number | undefined> {
  let version: number | undefined;
  for await (const { report } of client.EvaluateRun({ runId, samples: 0 }, { deadlineMs })) {
    if (report) ({ version } = report);
  }
  return version;
}
