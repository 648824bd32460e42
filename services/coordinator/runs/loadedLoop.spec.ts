// Which training loops a coordinator holds in memory.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from '@gapo/rpc';
import { createRun, deadlineMs, getRun, runYaml, startAll, until } from '../fixtures/world.fixture.js';

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

  const evaluating = coordinator.client.EvaluateRun({ runId: 'a', samples: 0 }, { deadlineMs });
  const messages = [];
  for await (const message of evaluating) messages.push(message);
  assert.equal(messages.at(-1)?.report?.version, 1);
  assert.deepEqual(await held(), ['a', 'd']);
  assert.deepEqual(await Promise.all(ids.map(async (id) => (await getRun(coordinator, id)).versionSha256)), sha256s);
});
