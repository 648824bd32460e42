// Calls that the coordinator refuses for the rate of new runs, or for another limit.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RpcError } from '@gapo/rpc';
import { callWhenAdmitted } from './admission.js';

const rate = '20 runs a minute are created, by CREATE_RUNS_PER_MINUTE';
const active = '64 runs are active, the most that MAX_ACTIVE_RUNS allows: wait until one ends';

/** Returns a call that is refused with each message in turn, and then succeeds with the number of calls. */
function refusedWith(...messages: string[]): () => Promise<number> {
  let calls = 0;
  return async () => {
    const message = messages[calls++];
    if (message !== undefined) throw new RpcError('RESOURCE_EXHAUSTED', message);
    return calls;
  };
}

test('a call waits as long as the refusal says, and says so once', async () => {
  const said: string[] = [];
  const call = refusedWith(`${rate}: try again in 0 s`, `${rate}: try again in 0 s`);
  assert.equal(await callWhenAdmitted(call, (text) => said.push(text)), 3);
  assert.deepEqual(said, [`${rate}: try again in 0 s; waiting`]);
});

test('a limit that time does not lift, and one that lasts longer than five minutes, are errors at once', async () => {
  for (const message of [active, `${rate}: try again in 301 s`]) {
    const call = refusedWith(message);
    await assert.rejects(callWhenAdmitted(call, assert.fail), { code: 'RESOURCE_EXHAUSTED', details: message });
    assert.equal(await call(), 2);
  }
});

test('the signal ends a wait', async () => {
  const ended = new AbortController();
  const call = refusedWith(`${rate}: try again in 200 s`);
  await assert.rejects(
    callWhenAdmitted(call, () => ended.abort(), ended.signal),
    { name: 'AbortError' },
  );
  assert.equal(await call(), 2);
});
