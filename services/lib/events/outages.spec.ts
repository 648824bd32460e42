/**
 * Events through outages of a real server: it is absent, killed, frozen, full, wiped. Each event is in the stream once, in
 * order.
 */
import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { freePort } from '@gapo/service/testing';
import { connect, DiscardPolicy, type JetStreamManager } from 'nats';
import {
  all,
  collector,
  configuredServer,
  noServer,
  outboxOf,
  patienceMs,
  publishStates,
  stateOf,
  temporaryDirectory,
  testBus,
  testServer,
} from './events.fixture.js';
import { streamName, type EventBus, type EventError } from './mod.js';

const numbers = (count: number): string[] => [...Array(count).keys()].map(String);

async function operatorOf(t: TestContext, url: string): Promise<JetStreamManager> {
  const connection = await connect({ servers: url });
  t.after(() => connection.close());
  return connection.jetstreamManager();
}

/** Replays a run and checks that it is complete, ordered and free of duplicates. */
async function assertComplete(bus: EventBus, runId: string, count: number): Promise<void> {
  assert.ok(await bus.flush(patienceMs));
  const events = await all(bus.replay(runId));
  assert.deepEqual(events.map(stateOf), numbers(count));
  assert.deepEqual(
    events.map(({ sequence }) => Number(sequence)),
    numbers(count).map((number) => Number(number) + 1),
  );
}

const ofCode = (errors: readonly EventError[], code: EventError['code']): string[] =>
  errors.filter((error) => error.code === code).map(({ message }) => message);

describe('an outage', { skip: noServer }, () => {
  test('a server that is down at the start gets everything once it is there', async (t) => {
    const port = await freePort();
    const url = `nats://127.0.0.1:${port}`;
    const { bus, errors } = await testBus(t, { url, mayBeDown: true });
    const { handler, first } = collector();
    const subscribed = bus.subscribe({}, handler, { from: 'beginning' });
    publishStates(bus, 'a', 20);
    assert.deepEqual(bus.stats(), { published: 0, refused: 0, queued: 20, connected: false });
    assert.match(
      ofCode(errors, 'connection')[0] ?? '',
      /^cannot connect to NATS at .*: connection refused; .*continuing without it/,
    );
    await testServer(t, temporaryDirectory(t), port);
    await subscribed;
    assert.deepEqual((await first(20)).map(stateOf), numbers(20));
    await assertComplete(bus, 'a', 20);
  });

  test('a process that starts again without knowing what was acknowledged repeats nothing', async (t) => {
    const server = await testServer(t, temporaryDirectory(t));
    const { bus, directory } = await testBus(t, { url: server.url });
    publishStates(bus, 'a', 5);
    assert.ok(await bus.flush(patienceMs));
    const left = temporaryDirectory(t);
    cpSync(directory, left, { recursive: true });
    await bus.close();
    rmSync(join(left, 'a', 'copied.json'), { force: true });

    const { bus: next, errors } = await testBus(t, { url: server.url });
    const outbox = next.outbox('a', { directory: join(left, 'a') });
    assert.ok(await next.flush(patienceMs));
    assert.equal(next.stats().published, 0, 'the stream has all, beyond its window for duplicates too');
    outbox.publish('state', { from: '', to: '5', reason: '' }, { id: '5' });
    await assertComplete(next, 'a', 6);
    assert.deepEqual(errors, []);
  });

  test('what was published while the server was down is sent by the next process', async (t) => {
    const storeDir = temporaryDirectory(t);
    const server = await testServer(t, storeDir);
    const { bus, directory } = await testBus(t, { url: server.url });
    publishStates(bus, 'a', 3);
    assert.ok(await bus.flush(patienceMs));
    process.kill(server.pid, 'SIGKILL');
    await server.exited;
    publishStates(bus, 'a', 4, 3);
    await bus.close();
    await testServer(t, storeDir, Number(new URL(server.url).port));
    const { bus: next } = await testBus(t, { url: server.url });
    next.outbox('a', { directory: join(directory, 'a') });
    await assertComplete(next, 'a', 7);
    assert.equal(next.stats().published, 4);
  });

  test('a frozen server delays nobody, and gets each event once', async (t) => {
    const server = await testServer(t, temporaryDirectory(t));
    const { bus } = await testBus(t, { url: server.url });
    publishStates(bus, 'a', 3);
    assert.ok(await bus.flush(patienceMs));
    process.kill(server.pid, 'SIGSTOP');
    publishStates(bus, 'a', 50, 3);
    assert.equal(bus.stats().queued, 50);
    assert.equal(await bus.flush(20), false);
    process.kill(server.pid, 'SIGCONT');
    await assertComplete(bus, 'a', 53);
  });

  test('a stream that was removed is filled again from the logs, also of runs that have ended; a follower sees nothing twice', async (t) => {
    const server = await testServer(t, temporaryDirectory(t));
    const { bus, errors } = await testBus(t, { url: server.url });
    const { handler, events, first } = collector();
    await bus.subscribe({}, handler);
    publishStates(bus, 'ended', 4);
    publishStates(bus, 'a', 4);
    await first(8);
    await (await operatorOf(t, server.url)).streams.delete(streamName);
    publishStates(bus, 'a', 2, 4);
    await first(10);
    await assertComplete(bus, 'a', 6);
    await assertComplete(bus, 'ended', 4);
    assert.deepEqual(events.filter(({ subject }) => subject === 'a').map(stateOf), numbers(6));
    assert.equal(events.length, 10);
    assert.deepEqual(ofCode(errors, 'differs').sort(), [
      "the stream GAPO is new and lacks events 1 to 4 of run a, which it had acknowledged; they are published again from the run's log",
      "the stream GAPO is new and lacks events 1 to 4 of run ended, which it had acknowledged; they are published again from the run's log",
    ]);
  });

  test('a stream that lost its end in a crash gets it again', async (t) => {
    const storeDir = temporaryDirectory(t);
    const server = await testServer(t, storeDir);
    const port = Number(new URL(server.url).port);
    const { bus, errors } = await testBus(t, { url: server.url });
    publishStates(bus, 'a', 4);
    assert.ok(await bus.flush(patienceMs));
    await server.stop();
    const earlier = temporaryDirectory(t);
    cpSync(storeDir, earlier, { recursive: true });
    const second = await testServer(t, storeDir, port);
    publishStates(bus, 'a', 2, 4);
    assert.ok(await bus.flush(patienceMs));
    await second.stop();
    await testServer(t, earlier, port);
    publishStates(bus, 'a', 1, 6);
    await assertComplete(bus, 'a', 7);
    assert.deepEqual(ofCode(errors, 'differs'), [
      "the stream GAPO has lost events 5 to 6 of run a, which it had acknowledged; they are published again from the run's log",
    ]);
  });

  test('what a limit or a person removed stays removed', async (t) => {
    const server = await testServer(t, temporaryDirectory(t));
    const { bus, directory } = await testBus(t, { url: server.url });
    publishStates(bus, 'a', 6);
    assert.ok(await bus.flush(patienceMs));
    await bus.close();
    await (await operatorOf(t, server.url)).streams.purge(streamName);
    const { bus: next, errors } = await testBus(t, { url: server.url });
    const outbox = next.outbox('a', { directory: join(directory, 'a') });
    outbox.publish('state', { from: '', to: '6', reason: '' }, { id: '6' });
    assert.ok(await next.flush(patienceMs));
    assert.deepEqual((await all(next.replay('a'))).map(stateOf), ['6']);
    assert.deepEqual(errors, []);
  });

  test('a full stream keeps events waiting in order until there is room', async (t) => {
    const storeDir = temporaryDirectory(t);
    const { url } = await configuredServer(t, `jetstream { store_dir: "${storeDir}", max_file_store: 1MB }`);
    const operator = await operatorOf(t, url);
    await operator.streams.add({
      name: streamName,
      subjects: ['gapo.v1.>'],
      max_bytes: 4000,
      discard: DiscardPolicy.New,
    });
    let full = (): void => undefined;
    const isFull = new Promise<void>((resolve) => (full = resolve));
    const { bus } = await testBus(t, { url, onError: ({ code }) => code === 'retrying' && full() });
    publishStates(bus, 'a', 40);
    await isFull;
    assert.ok(bus.stats().queued > 0);
    await operator.streams.update(streamName, { max_bytes: 900_000 });
    await assertComplete(bus, 'a', 40);
  });

  test('a run of the same name in a new directory is published whole, and reported as different', async (t) => {
    const server = await testServer(t, temporaryDirectory(t));
    const { bus } = await testBus(t, { url: server.url });
    publishStates(bus, 'a', 3);
    await bus.close();
    const { bus: next, errors } = await testBus(t, { url: server.url });
    publishStates(next, 'a', 5);
    assert.ok(await next.flush(patienceMs));
    assert.deepEqual((await all(next.replay('a'))).map(stateOf), [...numbers(3), ...numbers(5)]);
    assert.match(
      ofCode(errors, 'differs').join(),
      /has events of another run a: the newest is a\/state\/2 of .*, which the run's log lacks/,
    );
  });

  test('an event that is larger than the server takes is refused, and the next ones follow', async (t) => {
    const storeDir = temporaryDirectory(t);
    const { url } = await configuredServer(t, `max_payload: 4KB\njetstream { store_dir: "${storeDir}" }`);
    const { bus, errors } = await testBus(t, { url, limits: { maxBytes: 1_000_000 } });
    publishStates(bus, 'a', 1);
    outboxOf(bus, 'a').publish('state', { from: '', to: '', reason: 'x'.repeat(5000) }, { id: 'large' });
    publishStates(bus, 'a', 1, 1);
    assert.ok(await bus.flush(patienceMs));
    assert.deepEqual((await all(bus.replay('a'))).map(stateOf), ['0', '1']);
    assert.match(ofCode(errors, 'refused').join(), /^event a\/state\/large: /);
  });
});
