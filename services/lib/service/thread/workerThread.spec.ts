/** The worker thread: error codes cross it, it runs one task at a time, and the event loop never waits for it. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type * as tasks from './tasks.fixture.js';
import { WorkerThread } from './workerThread.js';

type Tasks = Pick<typeof tasks, 'echo' | 'badArgument' | 'badModel' | 'defect' | 'hold' | 'overlap'>;

const shared = (elements: number) => new Int32Array(new SharedArrayBuffer(elements * Int32Array.BYTES_PER_ELEMENT));

describe('a worker thread', () => {
  const thread = new WorkerThread<Tasks>(new URL('./tasks.fixture.js', import.meta.url), {
    greeting: 'hello',
  });
  after(() => thread.close());

  test('a task gets its argument and the settings of the thread', async () => {
    assert.equal(await thread.run('echo', 'there'), 'hello there');
  });

  test('a RangeError is INVALID_ARGUMENT, with its message', async () => {
    await assert.rejects(thread.run('badArgument', 'temperature'), {
      name: 'RpcError',
      code: 'INVALID_ARGUMENT',
      details: 'temperature is out of range',
    });
  });

  test('an expected error is FAILED_PRECONDITION, with its message', async () => {
    await assert.rejects(thread.run('badModel', 'models/policy'), {
      name: 'RpcError',
      code: 'FAILED_PRECONDITION',
      details: 'models/policy: does not exist',
    });
  });

  test('any other error is a defect and is thrown unchanged', async () => {
    await assert.rejects(thread.run('defect', 'x is not a function'), {
      name: 'TypeError',
      message: 'x is not a function',
    });
  });

  test('tasks run one at a time, even while they wait', async () => {
    const counts = shared(2);
    const most = await Promise.all(Array.from({ length: 5 }, () => thread.run('overlap', counts)));
    assert.deepEqual(most, [1, 1, 1, 1, 1]);
  });

  test('the event loop runs while a task blocks the thread', async () => {
    const state = shared(1);
    const held = thread.run('hold', state);
    while (Atomics.load(state, 0) === 0) await setImmediate();
    // The task ends only when the test lets it, so an event loop that waited for it would block here forever.
    for (let tick = 0; tick < 50; tick++) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.equal(Atomics.load(state, 0), 1, 'the task still blocks the thread');
    Atomics.store(state, 0, 2);
    Atomics.notify(state, 0);
    await held;
  });

  test('ending the thread ends its task alone: queued tasks run in the next thread', async () => {
    const state = shared(1);
    const end = new AbortController();
    const held = thread.run('hold', state, { endThread: end.signal });
    const next = thread.run('echo', 'again');
    while (Atomics.load(state, 0) === 0) await setImmediate();
    assert.equal(thread.waiting, 1);
    end.abort();
    await assert.rejects(held, { name: 'AbortError' });
    assert.equal(await next, 'hello again');
  });
});
