import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import {
  all,
  collector,
  noServer,
  outboxOf,
  publishStates,
  stateOf,
  temporaryDirectory,
  testBus,
  testServer,
  patienceMs,
} from './events.fixture.js';

/** The contract of both buses. */
for (const transport of ['nats', 'in-process'] as const) {
  const skip = transport === 'nats' && noServer;
  describe(`the ${transport} bus`, { skip }, () => {
    const start = async (t: TestContext) =>
      testBus(
        t,
        transport === 'nats' ? { url: (await testServer(t, temporaryDirectory(t))).url } : { inProcess: true },
      );

    test('events are CloudEvents, delivered in the order of the calls', async (t) => {
      const { bus } = await start(t);
      const { handler, first } = collector();
      await bus.subscribe({}, handler);
      publishStates(bus, 'run-1', 50);
      const events = await first(50);
      assert.deepEqual(events.map(stateOf), [...Array(50).keys()].map(String));
      const { time, ...rest } = events[7] ?? assert.fail();
      assert.ok(!Number.isNaN(Date.parse(time)));
      assert.deepEqual(rest, {
        specversion: '1.0',
        id: 'run-1/state/7',
        source: 'gapo/test',
        type: 'gapo.v1.state',
        subject: 'run-1',
        sequence: '000000000008',
        datacontenttype: 'application/json',
        data: { from: '', to: '7', reason: '' },
      });
    });

    test('a second event with the same id is dropped, in the same run and kind only', async (t) => {
      const { bus } = await start(t);
      publishStates(bus, 'a', 2);
      publishStates(bus, 'a', 2);
      publishStates(bus, 'b', 1);
      outboxOf(bus, 'a').publish('checkpoint', { step: 0, directory: 'x', sha256: 'y' }, { id: '0' });
      assert.equal(await bus.flush(patienceMs), true);
      assert.deepEqual(
        (await all(bus.replay('a'))).map((event) => event.id),
        ['a/state/0', 'a/state/1', 'a/checkpoint/0'],
      );
      assert.deepEqual(
        (await all(bus.replay('b'))).map((event) => event.id),
        ['b/state/0'],
      );
    });

    test('an outbox reads its log from any event on, also once it is closed', async (t) => {
      const { bus } = await start(t);
      const outbox = outboxOf(bus, 'a');
      publishStates(bus, 'a', 600);
      const read = async (after: number) => (await all(outbox.read(after))).flat().map(({ sequence }) => sequence);
      assert.deepEqual(await read(598), [599, 600]);
      assert.deepEqual([outbox.last, await read(600)], [600, []]);
      await bus.close();
      assert.deepEqual(
        await read(0),
        [...Array(600).keys()].map((i) => i + 1),
      );
    });

    test('a filter by run and by kind', async (t) => {
      const { bus } = await start(t);
      const ofRun = collector();
      const ofKind = collector();
      const ofBoth = collector();
      await bus.subscribe({ runId: 'a' }, ofRun.handler);
      await bus.subscribe({ kind: 'checkpoint' }, ofKind.handler);
      await bus.subscribe({ runId: 'b', kind: 'state' }, ofBoth.handler);
      const checkpoint = { step: 1, directory: 'x', sha256: 'y' };
      publishStates(bus, 'a', 1);
      outboxOf(bus, 'a').publish('checkpoint', checkpoint, { id: '1' });
      outboxOf(bus, 'b').publish('checkpoint', checkpoint, { id: '1' });
      publishStates(bus, 'b', 1);
      const ids = async (from: typeof ofRun, count: number) => (await from.first(count)).map((event) => event.id);
      assert.deepEqual(await ids(ofBoth, 1), ['b/state/0']);
      assert.deepEqual(await ids(ofRun, 2), ['a/state/0', 'a/checkpoint/1']);
      // The order across runs is not guaranteed.
      assert.deepEqual((await ids(ofKind, 2)).sort(), ['a/checkpoint/1', 'b/checkpoint/1']);
    });

    test('from the beginning delivers the kept events and then new ones, from now only new ones', async (t) => {
      const { bus } = await start(t);
      publishStates(bus, 'a', 3);
      await bus.flush(patienceMs);
      const whole = collector();
      const fresh = collector();
      await bus.subscribe({}, whole.handler, { from: 'beginning' });
      await bus.subscribe({}, fresh.handler, { from: 'new' });
      publishStates(bus, 'a', 1, 3);
      assert.deepEqual((await whole.first(4)).map(stateOf), ['0', '1', '2', '3']);
      assert.deepEqual((await fresh.first(1)).map(stateOf), ['3']);
    });

    test('a replay ends, also of a run without events and when left early', async (t) => {
      const { bus } = await start(t);
      assert.deepEqual(await all(bus.replay('none')), []);
      publishStates(bus, 'a', 5);
      publishStates(bus, 'b', 5);
      await bus.flush(patienceMs);
      assert.equal((await all(bus.replay('a'))).length, 5);
      assert.deepEqual(await all(bus.replay('none')), []);
      for await (const event of bus.replay('a')) {
        if (stateOf(event) === '2') break;
      }
    });

    test('an abort and stop end a subscription after the handler in progress', async (t) => {
      const { bus } = await start(t);
      const controller = new AbortController();
      const finished: string[] = [];
      const began = collector();
      let release = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const aborted = await bus.subscribe(
        {},
        async (event) => {
          began.handler(event);
          await held;
          finished.push(stateOf(event));
        },
        { signal: controller.signal },
      );
      publishStates(bus, 'a', 5);
      await began.first(1);
      controller.abort();
      release();
      await aborted.closed;
      assert.deepEqual(finished, ['0']);
      const stopped = await bus.subscribe({}, () => undefined);
      await stopped.stop();
      await stopped.closed;
    });

    test('a handler that throws is reported, and the next event is still delivered', async (t) => {
      const { bus, errors } = await start(t);
      const { handler, first } = collector();
      const cause = new Error('not today');
      await bus.subscribe({}, (event) => {
        handler(event);
        if (stateOf(event) === '0') throw cause;
      });
      publishStates(bus, 'a', 2);
      await first(2);
      assert.deepEqual(
        errors.map((error) => [error.code, error.cause]),
        [['handler', cause]],
      );
    });

    test('data have every field of their message; a number that is not finite is null', async (t) => {
      const { bus } = await start(t);
      const { handler, first } = collector();
      await bus.subscribe({}, handler);
      outboxOf(bus, 'a').publish('reward', { step: 1, objective: 'x', mean: NaN, seconds: Infinity }, { id: '1' });
      const [event] = await first(1);
      assert.deepEqual(event?.data, {
        step: 1,
        objective: 'x',
        mean: null,
        failed: 0,
        failures: [],
        seconds: null,
        outliers: [],
        service: '',
      });
    });

    test('data that do not fit their message are refused and reported, never thrown; a run id that is not a word throws at once', async (t) => {
      const { bus, errors } = await start(t);
      outboxOf(bus, 'a').publish('step', { step: 1, objectives: 'all' as never }, { id: '1' });
      await bus.flush(patienceMs);
      assert.deepEqual(
        errors.map((error) => error.code),
        ['refused'],
      );
      assert.match(errors[0]?.message ?? '', /StepReport\.objectives: array expected/);
      assert.deepEqual(bus.stats(), { published: 0, refused: 1, queued: 0, connected: true });
      assert.throws(() => outboxOf(bus, 'a.b'), /runId: found "a\.b"/);
    });

    test('close ends subscriptions', async (t) => {
      const { bus } = await start(t);
      const subscription = await bus.subscribe({}, () => undefined, { from: 'beginning' });
      await bus.close();
      await subscription.closed;
      publishStates(bus, 'a', 1);
    });
  });
}

test('the in-process history is bounded: the oldest events are dropped first', async (t) => {
  const { bus } = await testBus(t, { inProcess: true, historyLimit: 3 });
  publishStates(bus, 'a', 5);
  assert.deepEqual((await all(bus.replay('a'))).map(stateOf), ['2', '3', '4']);
});
