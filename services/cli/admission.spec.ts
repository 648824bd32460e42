// Calls that the coordinator refuses because of the rate of new runs, or another limit.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RpcError } from '@gapo/rpc';
import { callWhenAdmitted } from './admission.js';

const rate = '20 new runs a minute are allowed by CREATE_RUNS_PER_MINUTE';
const active = '64 runs are active, the most that MAX_ACTIVE_RUNS allows: wait until one ends';

/** Returns a call that is refused for each of the times in turn, and then succeeds with the number of calls. */
function refusedFor(message: string, ...waits: (number | undefined)[]): () => Promise<number> {
  let calls = 0;
  return async () => {
    if (calls++ === waits.length) return calls;
    throw new RpcError('RESOURCE_EXHAUSTED', message, { retryAfterMs: waits[calls - 1] });
  };
}

test('a call waits as long as the refusal says, and says so once', async () => {
  const said: string[] = [];
  const call = refusedFor(rate, 0, 1);
  assert.equal(await callWhenAdmitted(call, (text) => said.push(text)), 3);
  assert.deepEqual(said, [`${rate}; waiting`]);
});

test('a limit that time does not lift, and one that lasts longer than five minutes, are errors at once', async () => {
  for (const [message, waitMs] of [
    [active, undefined],
    [rate, 301_000],
  ] as const) {
    const call = refusedFor(message, waitMs);
    await assert.rejects(callWhenAdmitted(call, assert.fail), { code: 'RESOURCE_EXHAUSTED', details: message });
    assert.equal(await call(), 2);
  }
});

test('the signal ends a wait', async () => {
  const ended = new AbortController();
  const call = refusedFor(rate, 200_000);
  await assert.rejects(
    callWhenAdmitted(call, () => ended.abort(), ended.signal),
    { name: 'AbortError' },
  );
  assert.equal(await call(), 2);
});
