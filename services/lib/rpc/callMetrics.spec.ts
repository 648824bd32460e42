import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordedMetrics } from '@gapo/tracing/testing';
import { connect, retry, RpcError } from './mod.js';
import { policyServer, rewardServer } from './testServers.fixture.js';

const recorded = recordedMetrics();

/** Returns how often each status of a method was recorded. */
async function statuses(name: string, method: string): Promise<Record<string, number>> {
  const series = (await recorded(name)).filter(({ attributes }) => attributes['rpc.method'] === method);
  return Object.fromEntries(
    series.map(({ attributes, value }) => {
      const status = String(attributes['rpc.response.status_code']);
      assert.equal(attributes['rpc.system.name'], 'grpc');
      assert.equal(attributes['error.type'], status === 'OK' ? undefined : status);
      return [status, value];
    }),
  );
}

test('each call is measured at both ends, with its method, its status and the server that the client was given', async (t) => {
  let calls = 0;
  const { server, client } = await rewardServer(
    t,
    {
      Score: async () => {
        calls += 1;
        if (calls === 1) throw new RpcError('RESOURCE_EXHAUSTED', 'busy');
        if (calls === 2) throw new Error('a defect');
        return { results: [] };
      },
    },
    { onHandlerError: () => undefined },
  );
  const score = () => client.Score({ items: [] }, { deadlineMs: 10_000 });
  await assert.rejects(retry(score, { attempts: 2, baseDelayMs: 1, maxDelayMs: 1 }), /a defect/);
  await score();
  const method = 'gapo.reward.v1.RewardService/Score';
  const expected = { RESOURCE_EXHAUSTED: 1, INTERNAL: 1, OK: 1 };
  assert.deepEqual(await statuses('rpc.client.call.duration', method), expected);
  assert.deepEqual(await statuses('rpc.server.call.duration', method), expected);
  assert.deepEqual(
    (await recorded('gapo.rpc.retries')).map(({ attributes, value }) => [attributes, value]),
    [[{ 'rpc.method': method, 'rpc.response.status_code': 'RESOURCE_EXHAUSTED' }, 1]],
  );
  const [first] = await recorded('rpc.client.call.duration');
  assert.equal(
    `${String(first?.attributes['server.address'])}:${String(first?.attributes['server.port'])}`,
    server.address,
  );
});

test('a stream ends as OK once it was read, and as CANCELLED where its loop was left early', async (t) => {
  const { client } = await policyServer(t, async function* () {
    for (;;) yield { chunk: {} };
  });
  for await (const _ of client.GetVersion({}, { deadlineMs: 10_000 })) break;
  const few = await policyServer(t, async function* () {
    yield { chunk: {} };
  });
  for await (const _ of few.client.GetVersion({}, { deadlineMs: 10_000 }));
  assert.deepEqual(await statuses('rpc.client.call.duration', 'gapo.policy.v1.PolicyService/GetVersion'), {
    CANCELLED: 1,
    OK: 1,
  });
});

test('a server that does not answer is measured by its name', async (t) => {
  const client = connect('gapo.reward.v1.RewardService', 'dns:///localhost:9');
  t.after(() => client.close());
  await assert.rejects(client.Describe({}, { deadlineMs: 10_000 }));
  const series = (await recorded('rpc.client.call.duration')).find(
    ({ attributes }) => attributes['rpc.method'] === 'gapo.reward.v1.RewardService/Describe',
  );
  assert.deepEqual(
    [series?.attributes['server.address'], series?.attributes['server.port'], series?.attributes['error.type']],
    ['localhost', 9, 'UNAVAILABLE'],
  );
});
