import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';
import { connect } from 'nats';
import {
  all,
  collector,
  noServer,
  publishStates,
  refusal,
  stateOf,
  temporaryDirectory,
  testBus,
  testServer,
  patienceMs,
} from './events.fixture.js';
import { connectEvents, findNatsServer, startNatsServer, streamName } from './mod.js';

const portOf = (url: string) => Number(new URL(url).port);

describe('events through a server that disconnects and reconnects', { skip: noServer }, () => {
  test('publishing continues without a server; when it is back, nothing is missing and the order is kept', async (t) => {
    const storeDir = temporaryDirectory(t);
    const server = await testServer(t, storeDir);
    const { bus, errors } = await testBus(t, { url: server.url });
    const { handler, first } = collector();
    await bus.subscribe({}, handler);
    publishStates(bus, 'a', 10);
    await first(10);
    await server.stop();
    publishStates(bus, 'a', 10, 10);
    await testServer(t, storeDir, portOf(server.url));
    assert.deepEqual((await first(20)).map(stateOf), [...Array(20).keys()].map(String));
    assert.equal(bus.stats().queued, 0);
    assert.ok(errors.every((error) => error.code === 'connection' || error.code === 'retrying'));
  });

  test('the stream is recreated on a server that lost its storage', async (t) => {
    const storeDir = temporaryDirectory(t);
    const server = await testServer(t, storeDir);
    const { bus } = await testBus(t, { url: server.url });
    const { handler, first } = collector();
    await bus.subscribe({}, handler);
    publishStates(bus, 'a', 3);
    await first(3);
    await server.stop();
    rmSync(storeDir, { recursive: true });
    await testServer(t, storeDir, portOf(server.url));
    publishStates(bus, 'a', 2, 3);
    assert.deepEqual((await first(5)).map(stateOf), ['0', '1', '2', '3', '4']);
  });

  test('close sends what is queued', async (t) => {
    const server = await testServer(t, temporaryDirectory(t));
    const { bus } = await testBus(t, { url: server.url });
    publishStates(bus, 'a', 100);
    await bus.close(patienceMs);
    const { bus: second } = await testBus(t, { url: server.url });
    assert.equal((await all(second.replay('a'))).length, 100);
  });

  test('a replay cut short by close is an error, never a shorter run', async (t) => {
    const server = await testServer(t, temporaryDirectory(t));
    const { bus } = await testBus(t, { url: server.url });
    publishStates(bus, 'a', 10);
    await bus.flush(patienceMs);
    await assert.rejects(async () => {
      for await (const event of bus.replay('a')) {
        if (stateOf(event) === '3') await bus.close(100);
      }
    }, /the bus was closed before the replay of a had ended/);
  });

  test('a message that is not an event is reported and skipped', async (t) => {
    const server = await testServer(t, temporaryDirectory(t));
    const { bus, errors } = await testBus(t, { url: server.url });
    const stranger = await connect({ servers: server.url });
    await stranger.jetstream().publish('gapo.v1.run.a.state', 'not JSON');
    await stranger.jetstream().publish('gapo.v1.run.a.state', '{"specversion":"1.0"}');
    await stranger.close();
    publishStates(bus, 'a', 1);
    await bus.flush(patienceMs);
    assert.deepEqual((await all(bus.replay('a'))).map(stateOf), ['0']);
    assert.deepEqual(
      errors.map((error) => error.code),
      ['malformed', 'malformed'],
    );
  });

  test('a consumer that the server removed is recreated', async (t) => {
    const server = await testServer(t, temporaryDirectory(t));
    const { bus } = await testBus(t, { url: server.url });
    const { handler, first } = collector();
    await bus.subscribe({}, handler);
    publishStates(bus, 'a', 1);
    await first(1);
    const operator = await connect({ servers: server.url });
    const manager = await operator.jetstreamManager();
    for await (const { name } of manager.consumers.list(streamName)) await manager.consumers.delete(streamName, name);
    await operator.close();
    publishStates(bus, 'a', 1, 1);
    assert.deepEqual((await first(2)).map(stateOf), ['0', '1']);
  });
});

describe('the stream', { skip: noServer }, () => {
  test('an event carries its id as the header that drops repeats', async (t) => {
    const server = await testServer(t, temporaryDirectory(t));
    const { bus } = await testBus(t, { url: server.url });
    publishStates(bus, 'a', 1);
    await bus.flush(patienceMs);
    const operator = await connect({ servers: server.url });
    t.after(() => operator.close());
    const stored = await (await operator.jetstreamManager()).streams.getMessage(streamName, { seq: 1 });
    assert.equal(stored.subject, 'gapo.v1.run.a.state');
    assert.equal(stored.header.get('Nats-Msg-Id'), 'a/state/0');
  });
});

describe('errors for a person', () => {
  test('no server: the URL and what to do', async () => {
    const message = await refusal(connectEvents({ url: 'nats://me:secret@127.0.0.1:9', source: 'x' }));
    assert.equal(
      message,
      'cannot connect to NATS at nats://127.0.0.1:9: connection refused; start a server with `nats-server -js`, or set NATS_URL to a running one',
    );
  });

  test('an invalid URL', async () => {
    assert.match(await refusal(connectEvents({ url: 'nats://:::', source: 'x' })), /NATS_URL: found "nats:\/\/:::"/);
  });

  test('a port that is taken', { skip: noServer }, async (t) => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    t.after(() => holder.close());
    const address = holder.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    assert.match(
      await refusal(startNatsServer({ storeDir: temporaryDirectory(t), port })),
      new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: the port is taken`),
    );
  });

  test('a program that cannot be run', async (t) => {
    const storeDir = temporaryDirectory(t);
    assert.match(await refusal(startNatsServer({ storeDir, binary: '/does/not/exist' })), /cannot be run/);
    assert.match(await refusal(startNatsServer({ storeDir, binary: '/bin/false' })), /ended with code 1/);
  });

  test('a server is found on PATH, and its absence is undefined', { skip: noServer }, () => {
    assert.match(findNatsServer({ PATH: '' }) ?? findNatsServer() ?? '', /nats-server$/);
  });
});
