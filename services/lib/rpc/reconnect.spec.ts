// The first call after an outage: it gets a response from the server, not the error of an attempt made during the outage.
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
  // Failing attempts back off: the next one comes later than any response that does not wait for it.
  for (let attempts = 0; attempts < 4; attempts += 1) await assert.rejects(away.Describe({}, { deadlineMs }), failure);
  await rewardServer(t, { Describe: async () => ({ objective: 'back' }) }, { address: server.address });
  assert.equal((await client.Describe({}, { deadlineMs })).objective, 'back');
});
