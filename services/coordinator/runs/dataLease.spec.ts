// The lease of a data directory: one holder at a time, regardless of user, temporary directory or container.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { logger, writeAtomicallySync } from '@gapo/service';
import { scratch } from '../fixtures/world.fixture.js';
import { DataLease, LeaseLost, type LeaseOptions } from './dataLease.js';

const log = logger('test');

/** A process that holds the lease until it is killed. */
async function holder(
  t: TestContext,
  directory: string,
  env: Record<string, string> = {},
  options: LeaseOptions = {},
): Promise<ChildProcess & { readonly stdout: Readable }> {
  const module = JSON.stringify(new URL('dataLease.js', import.meta.url).href);
  const code = `const { DataLease } = await import(${module});
    const lease = await DataLease.take(${JSON.stringify(directory)}, { ...console, info() {} }, ${JSON.stringify(options)});
    console.log('held');
    lease.lost.catch(({ name }) => console.log(name));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

/** Makes the lease look as if another machine held it. */
function moveElsewhere(directory: string): void {
  const [name = ''] = readdirSync(join(directory, '.lease'));
  const path = join(directory, '.lease', name);
  const lease = JSON.parse(readFileSync(path, 'utf8')) as { holder: { scope: string; host: string } };
  const holder = { ...lease.holder, scope: 'another boot', host: 'elsewhere' };
  writeAtomicallySync(path, JSON.stringify({ ...lease, holder }));
}

test('a directory has one holder at a time, and the next need not wait for a lease that was released', async (t) => {
  const directory = await scratch(t);
  const other = await scratch(t);
  const lease = await DataLease.take(directory, log);
  await assert.rejects(
    DataLease.take(directory, log),
    /is in use by another coordinator \(process \d+ on .*\); stop it/,
  );
  await (await DataLease.take(other, log)).release();
  lease.assertHeld();
  await lease.release();
  assert.throws(() => lease.assertHeld(), LeaseLost);
  const next = await DataLease.take(directory, log);
  next.assertHeld();
  await next.release();
});

test('a process with another temporary directory is refused, and one that was killed is replaced at once', async (t) => {
  const directory = await scratch(t);
  const child = await holder(t, directory, { TMPDIR: await scratch(t) });
  await assert.rejects(DataLease.take(directory, log), new RegExp(`process ${child.pid} on`));
  child.kill('SIGKILL');
  await once(child, 'close');
  await (await DataLease.take(directory, log)).release();
});

test('a suspended process is replaced, and ends when it is continued', async (t) => {
  const directory = await scratch(t);
  const child = await holder(t, directory, {}, { leaseMs: 1000 });
  child.kill('SIGSTOP');
  const next = await DataLease.take(directory, log, { leaseMs: 1000 });
  const said = once(child.stdout, 'data');
  child.kill('SIGCONT');
  assert.equal(String(await said), 'LeaseLost\n');
  next.assertHeld();
  await next.release();
});

test('a holder whose lease has expired takes the next token before it writes, unless another has', async (t) => {
  const directory = await scratch(t);
  const lease = await DataLease.take(directory, log, { leaseMs: 0.001 });
  lease.assertHeld();
  const tokens = readdirSync(join(directory, '.lease')).filter((name) => /^\d+\.json$/.test(name));
  assert.notDeepEqual(tokens, ['000001.json']);
  await lease.release();
});

test('a process of the same id that started later is not the holder', async (t) => {
  const directory = await scratch(t);
  const lease = await DataLease.take(directory, log);
  const path = join(directory, '.lease', '000001.json');
  const written = JSON.parse(readFileSync(path, 'utf8')) as { holder: { started: string } };
  writeFileSync(path, JSON.stringify({ ...written, holder: { ...written.holder, started: '1' } }));
  const next = await DataLease.take(directory, log);
  assert.throws(() => lease.assertHeld(), LeaseLost);
  await next.release();
});

test('a holder on another machine is in use while it renews its lease', async (t) => {
  const directory = await scratch(t);
  const lease = await DataLease.take(directory, log, { leaseMs: 50 });
  moveElsewhere(directory);
  // The holder's next renewal restores the file, and the contender sees that.
  await assert.rejects(DataLease.take(directory, log, { leaseMs: 60_000 }), /in use by another coordinator/);
  await lease.release();
});

test('a holder on another machine that is silent is replaced, and writes nothing more', async (t) => {
  const directory = await scratch(t);
  // Its next renewal is an hour away, as if the process were suspended.
  const lease = await DataLease.take(directory, log, { leaseMs: 5 * 3_600_000 });
  moveElsewhere(directory);
  const next = await DataLease.take(directory, log, { leaseMs: 50 });
  next.assertHeld();
  assert.throws(() => lease.assertHeld(), /took over while this one did not respond/);
  await next.release();
});

test('a holder that was replaced finds out with its next renewal', async (t) => {
  const directory = await scratch(t);
  const lease = await DataLease.take(directory, log, { leaseMs: 50 });
  writeFileSync(join(directory, '.lease', '000002.json'), '');
  const alive = setInterval(() => undefined, 1000); // renewals alone do not keep a process alive
  t.after(() => clearInterval(alive));
  await assert.rejects(lease.lost, LeaseLost);
});

test('of several contenders for a released lease one wins', async (t) => {
  const directory = await scratch(t);
  await (await DataLease.take(directory, log)).release();
  const taken = await Promise.allSettled(Array.from({ length: 8 }, () => DataLease.take(directory, log)));
  const winners = taken.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  assert.equal(winners.length, 1);
  for (const result of taken)
    if (result.status === 'rejected') assert.match(String(result.reason), /in use by another/);
  await winners[0]?.release();
});

test('a file that a crash left empty does not block the directory', async (t) => {
  const directory = await scratch(t);
  await (await DataLease.take(directory, log)).release();
  writeFileSync(join(directory, '.lease', '000002.json'), '');
  await (await DataLease.take(directory, log)).release();
});
