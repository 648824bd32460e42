// Child processes: errors cross the boundary, a process that ends fails only its own task, and the limits on memory and
// number hold.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test, type TestContext } from 'node:test';
import type * as tasks from './processTasks.fixture.js';
import { ProcessEndedError, type ProcessOptions, WorkerProcess } from './workerProcess.js';

function workers(t: TestContext, options: Partial<ProcessOptions> = {}): WorkerProcess<typeof tasks, string> {
  const module = new URL('./processTasks.fixture.js', import.meta.url);
  const workers = new WorkerProcess<typeof tasks, string>(module, { idleMs: 600_000, memoryMiB: 512, ...options });
  t.after(() => workers.close());
  return workers;
}

/** Starts a task that does not end. Once it runs, returns the function that ends it. */
async function holding(processes: WorkerProcess<typeof tasks, string>): Promise<() => Promise<void>> {
  const end = new AbortController();
  let held: Promise<unknown> = Promise.resolve();
  const begun = new Promise<string>((resolve) => {
    held = processes.run('hold', 'held', { endProcess: end.signal, progress: resolve });
  });
  assert.equal(await Promise.race([begun, held]), 'held');
  return async () => {
    end.abort(new Error('no longer needed'));
    await assert.rejects(held, /no longer needed/);
  };
}

describe('a worker process', () => {
  test('runs one task after another, outside of this process; errors cross with their kind', async (t) => {
    const processes = workers(t);
    const pid = await processes.run('pid', undefined);
    assert.notEqual(pid, process.pid);
    await assert.rejects(processes.run('badModel', 'models/policy'), {
      name: 'RpcError',
      code: 'FAILED_PRECONDITION',
      details: 'models/policy: does not exist',
    });
    await assert.rejects(processes.run('defect', 'x is not a function'), {
      name: 'TypeError',
      message: 'x is not a function',
    });
    assert.equal(await processes.run('pid', undefined as never), pid);
  });

  test('that aborts fails its task with the reason, and the next task has another process', async (t) => {
    const processes = workers(t);
    const pid = await processes.run('pid', undefined);
    const [aborted, next] = await Promise.allSettled([
      processes.run('abort', undefined as never),
      processes.run('pid', undefined as never),
    ]);
    assert.ok(aborted.status === 'rejected' && aborted.reason instanceof ProcessEndedError);
    assert.match(aborted.reason.message, /^index out of bounds \(SIGABRT\)$/);
    assert.equal(aborted.reason.outOfMemory, false);
    assert.ok(next.status === 'fulfilled' && next.value !== pid);
  });

  test('that is killed while it rests is replaced', async (t) => {
    const processes = workers(t);
    const pid = await processes.run('pid', undefined);
    process.kill(pid, 'SIGKILL');
    await processes
      .run('pid', undefined as never)
      .catch((error: unknown) => assert.ok(error instanceof ProcessEndedError));
    assert.notEqual(await processes.run('pid', undefined), pid);
  });

  const linux = process.platform === 'linux';
  test('that was killed before this process noticed fails one task, with the signal', { skip: !linux }, async (t) => {
    const processes = workers(t);
    const pid = await processes.run('pid', undefined);
    process.kill(pid, 'SIGKILL');
    // Waits for its last thread without leaving this turn of the event loop: the channel is closed, and no event says so yet.
    while (!/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')) || readdirSync(`/proc/${pid}/task`).length > 1);
    await assert.rejects(processes.run('pid', undefined), { constructor: ProcessEndedError, message: 'SIGKILL' });
    assert.notEqual(await processes.run('pid', undefined), pid);
  });

  test('may not take more memory than its limit', { skip: !linux }, async (t) => {
    const filling = workers(t, { memoryMiB: 256 }).run('fill', undefined);
    await assert.rejects(filling, { outOfMemory: true, message: 'it needed more than 256 MiB of memory' });
  });

  test('ends with its task when that is no longer needed', async (t) => {
    const processes = workers(t);
    const pid = await processes.run('pid', undefined);
    const end = await holding(processes);
    await end();
    assert.notEqual(await processes.run('pid', undefined), pid);
  });

  test('ends after it has rested for a while', async (t) => {
    const processes = workers(t, { idleMs: 1 });
    const pid = await processes.run('pid', undefined);
    while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.notEqual(await processes.run('pid', undefined), pid);
  });
});

test('tasks beyond the limit for their name wait, and others overtake them', async (t) => {
  const processes = workers(t, { processes: 2, most: { hold: 1 } });
  const first = await holding(processes);
  const second = holding(processes);
  await processes.run('pid', undefined);
  await first();
  await (
    await second
  )();
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
