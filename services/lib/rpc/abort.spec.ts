/** Work under several signals. */
import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import { describe, test } from 'node:test';
import { underSignals } from './abort.js';

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('work under several signals', () => {
  test('ends with the first that aborts, for its reason', async () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const work = underSignals([first.signal, second.signal], async (signal) => {
      second.abort(new Error('enough'));
      signal.throwIfAborted();
    });
    await assert.rejects(work, /^Error: enough$/);
    await assert.rejects(
      underSignals([first.signal, second.signal], async (signal) => signal.throwIfAborted()),
      /enough/,
    );
    assert.deepEqual([listeners(first.signal), listeners(second.signal)], [0, 0]);
  });

  test('leaves nothing with its sources, however it ends', async () => {
    const source = new AbortController();
    assert.equal(await underSignals([source.signal], async () => listeners(source.signal)), 1);
    await assert.rejects(
      underSignals([source.signal], () => Promise.reject(new Error('failed'))),
      /failed/,
    );
    assert.equal(listeners(source.signal), 0);
  });

  test('ends at a time limit, whatever is collected before', async (t) => {
    const source = new AbortController();
    const awake = setInterval(() => undefined, 1000); // the timer of a time limit does not keep the process
    t.after(() => clearInterval(awake));
    const ended = underSignals([source.signal, AbortSignal.timeout(500)], async (signal) => {
      await collected(new WeakRef({}));
      if (!signal.aborted) await once(signal, 'abort');
      return signal.reason as Error;
    });
    assert.equal((await ended).name, 'TimeoutError');
  });

  test('is forgotten with its listeners once it has ended, while its sources live on', async () => {
    const source = new AbortController();
    const held = await underSignals([source.signal], async (signal) => {
      const work = { result: new Float64Array(8) };
      signal.addEventListener('abort', () => work.result.fill(0)); // never removed
      return new WeakRef(work);
    });
    await collected(held);
    assert.equal(source.signal.aborted, false);
  });
});

/**
 * Resolves once an object is garbage-collected. If something still references it, this never resolves and the test
 * times out.
 */
async function collected(held: WeakRef<object>): Promise<void> {
  const { setFlagsFromString } = await import('node:v8');
  const { runInNewContext } = await import('node:vm');
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  while (held.deref() !== undefined) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    collect();
  }
}
