/**
 * The images' probe against real servers: it distinguishes serving servers from all others, and imports
 * nothing.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { serveHealth } from '@gapo/rpc';
import { freePort } from '@gapo/service/testing';
import { project } from '../platform.fixture.js';

const script = join(project, 'deploy/docker/probe.mjs');

/** The probe's exit code and what it wrote to stderr. */
function probe(
  address: string | undefined,
  env: Record<string, string> = {},
): Promise<{ code: number; stderr: string }> {
  return new Promise((resolve) => {
    const args = address === undefined ? [script] : [script, address];
    execFile(process.execPath, args, { env }, (error, _stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), stderr });
    });
  });
}

test('a server that serves is healthy, by argument or by LISTEN_HEALTH, until it stops serving', async (t) => {
  const server = await serveHealth('127.0.0.1:0');
  t.after(() => server.stop());
  assert.deepEqual(await probe(server.address), { code: 0, stderr: '' });
  const everywhere = server.address.replace('127.0.0.1', '0.0.0.0');
  assert.deepEqual(await probe(undefined, { LISTEN_HEALTH: everywhere }), { code: 0, stderr: '' });
  server.setServing(false);
  const { code, stderr } = await probe(server.address);
  assert.deepEqual([code, stderr], [1, `unhealthy: ${server.address} is not serving\n`]);
});

test('without an address, a server, or an answer, it is unhealthy and says why', async (t) => {
  assert.match((await probe(undefined)).stderr, /^unhealthy: neither an argument nor LISTEN_HEALTH names an address$/m);
  const nobody = `127.0.0.1:${await freePort()}`;
  const refused = await probe(nobody);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, new RegExp(`^unhealthy: ${nobody}: .*ECONNREFUSED`));
  const silent = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.after(() => silent.close());
  const { port } = silent.address() as AddressInfo;
  assert.match((await probe(`127.0.0.1:${port}`)).stderr, /^unhealthy: .* did not answer within 5000 ms$/m);
});

test('the probe imports modules of Node alone', () => {
  const imports = [...readFileSync(script, 'utf8').matchAll(/from '([^']+)'/g)].map(([, name = '']) => name);
  assert.ok(imports.length > 0 && imports.every((name) => name.startsWith('node:')), imports.join(', '));
});
