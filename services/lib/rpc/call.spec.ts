// Calls over real connections: messages, streams with back-pressure, cancellation, deadlines, errors both ways.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RpcError, connect, implement, type CallContext } from './mod.js';
import { deferred, policyServer, rewardServer } from './testServers.fixture.js';

/** Calls in tests wait for their responses, however busy the machine is. */
const deadlineMs = Infinity;

/** Resolves with the reason once the signal of a call aborts. */
function aborted(context: CallContext): Promise<RpcError> {
  return new Promise((resolve) => {
    context.signal.addEventListener('abort', () => resolve(context.signal.reason as RpcError), { once: true });
  });
}

/** Whether an error is an RpcError with this code. */
function coded(code: string, pattern = /./): (error: unknown) => boolean {
  return (error) => error instanceof RpcError && error.code === code && pattern.test(error.message);
}

test('a unary call carries its request and its response, defaults filled in', async (t) => {
  const { client } = await rewardServer(t, {
    Score: async (request, context) => {
      assert.match(context.peer, /^127\.0\.0\.1:\d+$/);
      assert.equal(context.deadline instanceof Date, true);
      return { results: request.items.map(({ id, prompt }) => ({ id, score: prompt.length })), version: '1' };
    },
    Describe: async () => ({ objective: 'length', minimum: 0, orientation: 'ORIENTATION_LOWER_IS_BETTER' }),
  });
  const scored = await client.Score({ items: [{ id: 'a', prompt: 'four' }, { id: 'b' }] }, { deadlineMs: 600_000 });
  assert.deepEqual(scored, {
    results: [
      { id: 'a', score: 4, outcome: 'score' },
      { id: 'b', score: 0, outcome: 'score' },
    ],
    version: '1',
  });
  const described = await client.Describe({}, { deadlineMs });
  assert.equal(described.minimum, 0, 'an optional zero is there');
  assert.equal('maximum' in described, false, 'an optional field that is unset is absent');
  assert.equal(described.orientation, 'ORIENTATION_LOWER_IS_BETTER');
});

test('64-bit integers up to 2^53 arrive exactly', async (t) => {
  const { client } = await policyServer(t, async function* (request) {
    yield { header: { runId: request.runId, version: request.version } };
  });
  const versions: number[] = [];
  for await (const message of client.GetVersion({ version: Number.MAX_SAFE_INTEGER }, { deadlineMs })) {
    assert.equal(message.part, 'header');
    versions.push(message.header?.version ?? -1);
  }
  assert.deepEqual(versions, [Number.MAX_SAFE_INTEGER]);
});

test('calls without a deadline in time are refused before they are sent', async (t) => {
  const { client } = await rewardServer(t, {});
  for (const bad of [0, -1, Number.NaN]) {
    await assert.rejects(client.Score({}, { deadlineMs: bad }), coded('DEADLINE_EXCEEDED', /deadlineMs is/));
  }
  assert.deepEqual((await client.Score({}, { deadlineMs: Infinity })).results, []);
});

test('a slow reader holds a fast writer, and every message arrives', async (t) => {
  const total = 400;
  const data = Buffer.alloc(1 << 20);
  let made = 0;
  const { client } = await policyServer(t, async function* (request) {
    if (request.runId !== 'slow') yield {};
    else while (made < total) yield { chunk: { offset: made++, data } };
  });
  const stream = client.GetVersion({ runId: 'slow' }, { deadlineMs })[Symbol.asyncIterator]();
  await stream.next();
  // The writer can run ahead during all of these round trips on the same connection.
  for (let trip = 0; trip < 200; trip += 1) {
    for await (const message of client.GetVersion({ runId: 'quick' }, { deadlineMs }))
      assert.equal(message.part, undefined);
  }
  t.diagnostic(`${made} of ${total} messages of 1 MiB were made for a reader that took one`);
  // Each side's stream buffers 16, the HTTP/2 window holds 8 MiB, and a few are in flight.
  assert.ok(made < 64, `${made} messages were made`);
  let read = 1;
  while ((await stream.next()).done !== true) read += 1;
  assert.equal(read, total);
});

test('leaving the loop cancels the call, and the generator of the handler is closed', async (t) => {
  const reason = deferred<RpcError>();
  const closed = deferred<void>();
  const { client } = await policyServer(t, async function* (_request, context) {
    void aborted(context).then(reason.resolve);
    try {
      for (let offset = 0; ; offset += 1) yield { chunk: { offset, data: Buffer.alloc(1 << 16) } };
    } finally {
      closed.resolve();
    }
  });
  for await (const message of client.GetVersion({}, { deadlineMs })) {
    if (message.chunk?.offset === 3) break;
  }
  assert.equal((await reason.promise).code, 'CANCELLED');
  await closed.promise;
});

test("the caller's signal cancels a unary call and reaches the handler", async (t) => {
  const started = deferred<void>();
  const reason = deferred<RpcError>();
  const { client } = await rewardServer(t, {
    Score: async (_request, context) => {
      started.resolve();
      const why = await aborted(context);
      reason.resolve(why);
      throw why;
    },
  });
  const controller = new AbortController();
  const call = client.Score({}, { deadlineMs, signal: controller.signal });
  await started.promise;
  controller.abort(new Error('the run was paused'));
  await assert.rejects(call, coded('CANCELLED', /the run was paused/));
  assert.equal((await reason.promise).code, 'CANCELLED');
  await assert.rejects(client.Score({}, { deadlineMs, signal: controller.signal }), coded('CANCELLED'));
});

test("the caller's signal ends a stream between messages", async (t) => {
  const { client } = await policyServer(t, async function* (_request, context) {
    yield { chunk: { offset: 0, data: Buffer.alloc(4) } };
    await aborted(context);
  });
  const controller = new AbortController();
  const read = async (): Promise<void> => {
    for await (const message of client.GetVersion({}, { deadlineMs, signal: controller.signal })) {
      assert.equal(message.part, 'chunk');
      controller.abort();
    }
  };
  await assert.rejects(read(), coded('CANCELLED'));
});

test('a deadline ends the call on both sides', async (t) => {
  const reason = deferred<RpcError>();
  let arrived = false;
  const { client } = await rewardServer(t, {
    Score: async (_request, context) => {
      arrived = true;
      void aborted(context).then(reason.resolve);
      return new Promise(() => undefined);
    },
  });
  // A deadline that passes before the call reaches the server says nothing about the server's side.
  for (let shortMs = 50; !arrived; shortMs *= 2) {
    await assert.rejects(client.Score({}, { deadlineMs: shortMs }), coded('DEADLINE_EXCEEDED'));
  }
  assert.match((await reason.promise).code, /^(DEADLINE_EXCEEDED|CANCELLED)$/);
});

test('a parent forwards its deadline and its cancellation to the calls made for it', async (t) => {
  const outerMs = 600_000;
  const innerDeadline = deferred<Date | undefined>();
  const innerReason = deferred<RpcError>();
  const inner = await rewardServer(t, {
    Score: async (_request, context) => {
      innerDeadline.resolve(context.deadline);
      innerReason.resolve(await aborted(context));
      return {};
    },
  });
  const outer = await rewardServer(t, {
    Score: async (request, context) => inner.client.Score(request, { deadlineMs: 2 * outerMs, parent: context.parent }),
  });
  const controller = new AbortController();
  const call = outer.client.Score({}, { deadlineMs: outerMs, signal: controller.signal });
  const deadline = (await innerDeadline.promise)?.getTime() ?? Infinity;
  // A deadline is sent as the remaining time, so on arrival it is never further away than at the start.
  const latest = Date.now() + outerMs;
  assert.ok(deadline <= latest, `the inner deadline is ${deadline - latest} ms after the outer one`);
  controller.abort();
  await assert.rejects(call, coded('CANCELLED'));
  assert.equal((await innerReason.promise).code, 'CANCELLED');
});

test("a handler's RpcError is the answer; anything else is INTERNAL and logged with its stack", async (t) => {
  const logged: unknown[] = [];
  const { client } = await rewardServer(
    t,
    {
      Score: async (request) => {
        if (request.items.length === 0) throw new RpcError('INVALID_ARGUMENT', 'items is empty; send at least one');
        if (request.items[0]?.id === 'half') throw new RpcError('NOT_FOUND', 'half a pair: \ud800, and ü 100 %');
        if (request.items[0]?.id === 'long') throw new RpcError('NOT_FOUND', 'ü'.repeat(100_000));
        throw new TypeError('defect');
      },
      Describe: async () => ({ objective: 3 }) as unknown as { objective: string },
    },
    { onHandlerError: (error, call) => logged.push([error, call.service, call.method]) },
  );
  const refused = await client.Score({}, { deadlineMs }).catch((error: unknown) => error);
  assert.ok(refused instanceof RpcError);
  assert.equal(refused.details, 'items is empty; send at least one');
  assert.deepEqual(
    [refused.code, refused.service, refused.method, refused.target, refused.retryable],
    ['INVALID_ARGUMENT', 'gapo.reward.v1.RewardService', 'Score', client.target, false],
  );
  await assert.rejects(client.Score({ items: [{ id: 'half' }] }, { deadlineMs }), coded('NOT_FOUND', /ü 100 %/));
  await assert.rejects(client.Score({ items: [{ id: 'long' }] }, { deadlineMs }), coded('NOT_FOUND', /ü…/));
  assert.equal(logged.length, 0);
  await assert.rejects(client.Score({ items: [{ id: 'x' }] }, { deadlineMs }), coded('INTERNAL', /defect/));
  assert.equal(logged.length, 1);
  assert.match(String(((logged[0] as unknown[])[0] as Error).stack), /TypeError: defect\n\s+at /);
});

test('a response that does not fit its message says which field is wrong', async (t) => {
  const { client } = await rewardServer(
    t,
    { Score: async () => ({ results: 3 }) as unknown as { results: [] } },
    { onHandlerError: () => undefined },
  );
  await assert.rejects(
    client.Score({}, { deadlineMs }),
    coded('INTERNAL', /response of Score.*results: array expected/),
  );
});

test('an error after some messages of a stream comes after them', async (t) => {
  const { client } = await policyServer(t, async function* () {
    yield { chunk: { offset: 0, data: Buffer.alloc(4) } };
    throw new RpcError('NOT_FOUND', 'version 3 is no longer held; the oldest is 5');
  });
  let messages = 0;
  const read = async (): Promise<void> => {
    for await (const message of client.GetVersion({}, { deadlineMs }))
      messages += message.chunk?.data.length === 4 ? 1 : 0;
  };
  await assert.rejects(read(), coded('NOT_FOUND', /the oldest is 5/));
  assert.equal(messages, 1);
});

test('a streaming handler that fails before its first message is answered too', async (t) => {
  const { client } = await policyServer(t, () => {
    throw new RpcError('FAILED_PRECONDITION', 'no run has started');
  });
  const first = client.GetVersion({}, { deadlineMs })[Symbol.asyncIterator]().next();
  await assert.rejects(first, coded('FAILED_PRECONDITION', /no run has started/));
});

test('clients of one target share its channel until the last one closes', async (t) => {
  const { client, server } = await rewardServer(t, {});
  const second = connect('gapo.reward.v1.RewardService', server.address);
  second.close();
  second.close();
  assert.deepEqual((await client.Score({}, { deadlineMs })).results, []);
});

test('a dns target reaches the server that its name stands for', async (t) => {
  const { server } = await rewardServer(t, {});
  const client = connect('gapo.reward.v1.RewardService', `dns:///${server.address.replace('127.0.0.1', 'localhost')}`);
  t.after(() => client.close());
  assert.deepEqual((await client.Score({}, { deadlineMs })).results, []);
});

test('implementing a service without one of its methods is an error', () => {
  const incomplete = { Score: async () => ({}) } as unknown as Parameters<
    typeof implement<'gapo.reward.v1.RewardService'>
  >[1];
  assert.throws(() => implement('gapo.reward.v1.RewardService', incomplete), /lacks a handler for Describe/);
});
