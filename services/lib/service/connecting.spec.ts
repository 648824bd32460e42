// Connection attempts that nobody answers.
import assert from 'node:assert/strict';
import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect, createServer, Socket, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { boundConnecting } from './connecting.js';

test('a connection that is not open after five seconds fails, an open one stays', async (t) => {
  const server = createServer((socket) => t.after(() => socket.destroy())).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  t.mock.timers.enable({ apis: ['setTimeout'] });
  boundConnecting();
  const open = connect((server.address() as AddressInfo).port, '127.0.0.1');
  t.after(() => open.destroy());
  await once(open, 'connect');
  // Node.js announces every socket on this channel before it connects it.
  const silent = new Socket();
  channel('net.client.socket').publish({ socket: silent });
  const failed = once(silent, 'error');
  t.mock.timers.tick(4999);
  assert.equal(silent.destroyed, false);
  t.mock.timers.tick(1);
  const [error] = (await failed) as [NodeJS.ErrnoException];
  assert.deepEqual([error.code, error.message], ['ETIMEDOUT', 'connect ETIMEDOUT: no answer within 5 s']);
  assert.equal(open.destroyed, false);
});
