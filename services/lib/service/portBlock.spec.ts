// Blocks of ports: one process at a time, only free ports.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { isFree, reservePorts } from './mod.js';
import { freePort, takenAddress } from './testing.fixture.js';

test('blocks in use at the same time share no port, and a released one is free again', async () => {
  const all = await Promise.all(Array.from({ length: 8 }, () => reservePorts(200)));
  const ports = all.flatMap((reserved) => reserved.ports);
  assert.equal(new Set(ports).size, 1600);
  assert.ok(ports.every((port) => port >= 10_240 && port < 30_000));
  const guards = all.map((reserved) => (reserved.ports[0] ?? 0) + 255);
  assert.deepEqual(await Promise.all(guards.map(isFree)), Array(8).fill(false));
  all.forEach(({ release }) => release());
  assert.deepEqual(await Promise.all(guards.map(isFree)), Array(8).fill(true));
});

test('whoever connects to the guard of a block is turned away, and does not keep it in use', async (t) => {
  const { ports, release } = await reservePorts(1);
  const guard = (ports[0] ?? 0) + 255;
  const client = connect(guard, '127.0.0.1');
  t.after(() => client.destroy());
  client.on('error', () => undefined).resume();
  await once(client, 'close');
  release();
  assert.equal(await isFree(guard), true);
});

test('a block with a port that another program uses is passed over', async (t) => {
  const first = await reservePorts(1);
  const [port = 0] = first.ports;
  const other = createServer().listen(port, '127.0.0.1');
  t.after(() => other.close());
  await once(other, 'listening');
  first.release();
  const next = await reservePorts(1, Math.floor((port - 10_240) / 256));
  assert.notEqual(next.ports[0], port);
  next.release();
});

test('more ports than a block has are refused', async () => {
  await assert.rejects(reservePorts(256), /^UserError: 256 free ports are needed at once; at most 255 can be$/);
});

test('tests get distinct free ports, and a taken port is not free', async (t) => {
  const ports = await Promise.all([freePort(), freePort(), freePort()]);
  assert.equal(new Set(ports).size, 3);
  assert.deepEqual(await Promise.all(ports.map(isFree)), [true, true, true]);
  assert.equal(await isFree(Number((await takenAddress(t)).split(':')[1])), false);
});
