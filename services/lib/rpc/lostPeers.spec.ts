// TCP probes a silent peer from both ends of a connection; this never ends a call that outlasts its connection's maximum age.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { watchConnection } from './connection.js';
import { policyServer } from './testServers.fixture.js';

/** Returns the kinds of the timers of a port's open connections, one for each end: 01 until data is acknowledged, 02 for a keepalive. */
async function timersOf(address: string): Promise<readonly string[]> {
  const port = Number(address.split(':').at(-1)).toString(16).toUpperCase().padStart(4, '0');
  const lines = (await readFile('/proc/net/tcp', 'utf8')).split('\n').map((line) => line.trim().split(/\s+/));
  const [established, timer] = ['01', 5];
  const ends = lines.filter(([, near, far, state]) => state === established && `${near} ${far}`.includes(`:${port}`));
  return ends.map((fields) => fields[timer]?.slice(0, 2) ?? '');
}

const skip = process.platform !== 'linux' && 'reads /proc/net/tcp';

test('both ends ask, and a call continues after its connection has reached its age', { skip }, async (t) => {
  let goOn = (): void => undefined;
  const more = new Promise<void>((resolve) => (goOn = resolve));
  const chunk = { offset: 0, data: Buffer.alloc(4) };
  const { client } = await policyServer(
    t,
    async function* () {
      yield { chunk };
      await more;
      yield { chunk };
    },
    { maxConnectionAgeMs: 500 },
  );
  const aged = new AbortController();
  t.after(watchConnection(client.target, 'gapo.policy.v1.PolicyService', () => aged.abort()));
  const stream = client.GetVersion({}, { deadlineMs: 600_000 })[Symbol.asyncIterator]();
  await stream.next();
  let timers = await timersOf(client.target);
  while (timers.includes('01')) timers = await timersOf(client.target);
  assert.deepEqual(timers, ['02', '02']);
  if (!aged.signal.aborted) await once(aged.signal, 'abort');
  goOn();
  assert.equal((await stream.next()).done, false);
  assert.equal((await stream.next()).done, true);
});
