// The first call after an outage: it gets an answer of the server, not the failure of an attempt that was made during the outage.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, RpcError } from './mod.js';
import { rewardServer } from './testServers.fixture.js';

const deadlineMs = 600_000;

test('a call waits for a connection that was lost, and fails with what is wrong now', async (t) => {
  const { server } = await rewardServer(t, {});
  const client = connect('gapo.reward.v1.RewardService', server.address, { reconnectMs: 60_000 });
  t.after(() => client.close());
  await client.Describe({}, { deadlineMs });
  await server.stop();
  const away = connect('gapo.reward.v1.RewardService', server.address, { reconnectMs: 200 });
  t.after(() => away.close());
  const failure = (error: unknown) => error instanceof RpcError && error.code === 'UNAVAILABLE';
  // The attempts that fail space out: the next one is later than any answer that does not wait.
  for (let attempts = 0; attempts < 4; attempts += 1) await assert.rejects(away.Describe({}, { deadlineMs }), failure);
  await rewardServer(t, { Describe: async () => ({ objective: 'back' }) }, { address: server.address });
  assert.equal((await client.Describe({}, { deadlineMs })).objective, 'back');
});
