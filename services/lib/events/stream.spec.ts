/**
 * The stream on a real server: created, changed only if a user requests it, and otherwise left as its operator configured
 * it.
 */
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { connect, RetentionPolicy, StorageType, type JetStreamManager, type StreamConfig } from 'nats';
import {
  all,
  configuredServer,
  noServer,
  patienceMs,
  publishStates,
  refusal,
  temporaryDirectory,
  testBus,
  testServer,
} from './events.fixture.js';
import { connectEvents, streamName, type StreamLimits } from './mod.js';

/** Connects to a server as an operator. */
async function operatorOf(t: TestContext, url: string): Promise<JetStreamManager> {
  const connection = await connect({ servers: url });
  t.after(() => connection.close());
  return connection.jetstreamManager();
}

/** Starts a server with a stream created by an operator. */
async function withStream(t: TestContext, stream: Partial<StreamConfig>) {
  const { url } = await testServer(t, temporaryDirectory(t));
  const manager = await operatorOf(t, url);
  await manager.streams.add({ name: streamName, ...stream });
  const config = async () => (await manager.streams.info(streamName)).config;
  return { url, config };
}

describe('the stream', { skip: noServer }, () => {
  test('is created with its limits, and changed only where a limit is set', async (t) => {
    const { url } = await testServer(t, temporaryDirectory(t));
    const open = async (limits: StreamLimits) => (await testBus(t, { url, limits })).bus.close();
    await open({});
    const manager = await operatorOf(t, url);
    const config = async () => (await manager.streams.info(streamName)).config;
    const before = await config();
    assert.deepEqual(before.subjects, ['gapo.v1.>']);
    assert.equal(before.storage, 'file');
    assert.equal(before.duplicate_window, 120e9);
    assert.equal(before.max_age, 30 * 86400e9);
    assert.equal(before.max_bytes, 256 * 1024 * 1024);
    await open({ maxAgeDays: 2, maxBytes: 1024 * 1024 });
    assert.deepEqual(await config(), { ...before, max_age: 2 * 86400e9, max_bytes: 1024 * 1024 });
    await open({ maxAgeDays: 3, replicas: undefined });
    assert.deepEqual(await config(), { ...before, max_age: 3 * 86400e9, max_bytes: 1024 * 1024 });
    const message = await refusal(connectEvents({ url, source: 'x', limits: { storage: 'memory' } }));
    assert.match(message, /NATS_STREAM_STORAGE: the stream GAPO .* is kept in file, which cannot be changed/);
  });

  for (const subjects of [['gapo.v1.>'], ['orders.>', 'gapo.>']]) {
    test(`an operator's stream of ${subjects.join(', ')} stays as it is, and keeps the events`, async (t) => {
      const limits = { max_bytes: 5_000_000, max_age: 7 * 86400e9, storage: StorageType.Memory, max_msgs: 5000 };
      const { url, config } = await withStream(t, { subjects, ...limits });
      const before = await config();
      const { bus } = await testBus(t, { url });
      publishStates(bus, 'a', 3);
      assert.ok(await bus.flush(patienceMs));
      assert.equal((await all(bus.replay('a'))).length, 3);
      assert.deepEqual(await config(), before);
    });
  }

  const foreign: [string, Partial<StreamConfig>, RegExp][] = [
    [
      'other subjects',
      { subjects: ['orders.>'], max_bytes: 1_000_000 },
      /has the subjects orders\.>, expected gapo\.v1\.>/,
    ],
    ['a part of the subjects', { subjects: ['gapo.v1.run.*.step'] }, /has the subjects gapo\.v1\.run\.\*\.step/],
    [
      'messages that are removed once read',
      { subjects: ['gapo.v1.>'], retention: RetentionPolicy.Workqueue },
      /retention workqueue/,
    ],
    ['no acknowledgements', { subjects: ['gapo.v1.>'], no_ack: true }, /acknowledges nothing/],
  ];
  for (const [what, stream, message] of foreign) {
    test(`one with ${what} is refused by name and not changed`, async (t) => {
      const { url, config } = await withStream(t, stream);
      const before = await config();
      const said = await refusal(connectEvents({ url, source: 'x', limits: { maxBytes: 2_000_000 } }));
      assert.match(said, /the stream GAPO at NATS nats:\/\/127\.0\.0\.1:\d+ .*it was not changed; set NATS_STREAM/);
      assert.match(said, message);
      assert.deepEqual(await config(), before);
    });
  }

  test('another name leaves a foreign stream alone, and events go through it', async (t) => {
    const { url, config } = await withStream(t, { subjects: ['orders.>'] });
    const before = await config();
    const { bus } = await testBus(t, { url, stream: 'TRAINING' });
    publishStates(bus, 'a', 2);
    assert.ok(await bus.flush(patienceMs));
    assert.equal((await all(bus.replay('a'))).length, 2);
    assert.deepEqual(await config(), before);
  });

  test('a server with little storage says which setting makes it fit', async (t) => {
    const directory = temporaryDirectory(t);
    const { url } = await configuredServer(t, `jetstream { store_dir: "${directory}", max_file_store: 50MB }`);
    assert.match(
      await refusal(connectEvents({ url, source: 'x' })),
      /refuses the stream GAPO: .*; 268435456 bytes were asked for: set NATS_STREAM_MAX_BYTES to less/,
    );
    const { bus } = await testBus(t, { url, limits: { maxBytes: 10_000_000 } });
    publishStates(bus, 'a', 1);
    assert.ok(await bus.flush(patienceMs));
  });

  test('another stream that has the subjects is named as the problem', async (t) => {
    const { url } = await testServer(t, temporaryDirectory(t));
    await (await operatorOf(t, url)).streams.add({ name: 'ALL', subjects: ['gapo.>'] });
    assert.match(
      await refusal(connectEvents({ url, source: 'x' })),
      /another stream has subjects of gapo\.v1\.>: set NATS_STREAM/,
    );
    const { bus } = await testBus(t, { url, stream: 'ALL' });
    publishStates(bus, 'a', 1);
    assert.ok(await bus.flush(patienceMs));
  });

  test('more replicas than servers is refused with the settings to change', async (t) => {
    const { url } = await testServer(t, temporaryDirectory(t));
    const message = await refusal(connectEvents({ url, source: 'x', limits: { replicas: 3 } }));
    assert.match(message, /refuses the stream GAPO: .*replicas.*; change the NATS_STREAM_\* settings/);
  });

  test('a server or an account without JetStream says how to enable it', async (t) => {
    const none = await configuredServer(t, '');
    assert.match(
      await refusal(connectEvents({ url: none.url, source: 'x' })),
      /has no JetStream: start it with `nats-server -js/,
    );
    const account = await configuredServer(
      t,
      'STORE\naccounts { A: { jetstream: disabled, users: [{ user: a, password: b }] } }',
    );
    const url = account.url.replace('//', '//a:b@');
    const message = await refusal(connectEvents({ url, source: 'x' }));
    assert.match(message, /^NATS at nats:\/\/127\.0\.0\.1:\d+ has no JetStream: .*or enable it for the account/);
  });
});
