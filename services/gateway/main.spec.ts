/** The gateway as a process: health and reflection over gRPC, its address, and errors about its settings. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { checkHealth } from '@gapo/rpc';
import { type TestProcess, startProcess, takenAddress } from '@gapo/service/testing';

/** Starts the gateway without NATS. */
function startGateway(t: TestContext, env: Record<string, string>, args: readonly string[] = []): TestProcess {
  return startProcess(new URL('./main.js', import.meta.url), { args, env }, t);
}

test('it says where it listens, is healthy over gRPC and HTTP, and stops when asked', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gapo-gateway-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'address');
  const env = { LISTEN: '127.0.0.1:0', LISTEN_GRPC: '127.0.0.1:0', COORDINATOR: '127.0.0.1:1', ADDRESS_FILE: file };
  const gateway = startGateway(t, env);
  const address = await gateway.address();
  const [, grpc = ''] = await gateway.waitForOutput(/"grpc":"([^"]+)"/);
  assert.equal(readFileSync(file, 'utf8'), address);
  assert.equal(await checkHealth(grpc, 5000), 'SERVING');
  const health = await fetch(`http://${address}/healthz`);
  assert.equal(((await health.json()) as { status: string }).status, 'ok');
  gateway.kill('SIGTERM');
  assert.equal(await gateway.closed, 0);
});

test('wrong settings and taken ports are one line and exit code 2; --help lists the settings', async (t) => {
  const taken = await takenAddress(t);
  const free = { LISTEN: '127.0.0.1:0', LISTEN_GRPC: '127.0.0.1:0' };
  const wrong = startGateway(t, { ...free, COORDINATOR: 'nowhere' });
  const http = startGateway(t, { ...free, LISTEN: taken });
  const grpc = startGateway(t, { ...free, LISTEN_GRPC: taken });
  const help = startGateway(t, {}, ['--help']);
  const codes = await Promise.all([wrong, http, grpc, help].map(({ closed }) => closed));
  assert.match(wrong.stderr(), /environment COORDINATOR: found string "nowhere", expected a host:port string/);
  assert.match(http.stderr(), /LISTEN: cannot listen on .*: the port is taken/);
  assert.match(grpc.stderr(), /^cannot listen on .*: another process holds that port/m);
  assert.deepEqual(codes, [2, 2, 2, 0]);
  for (const name of ['LISTEN', 'LISTEN_GRPC', 'COORDINATOR', 'NATS_URL', 'Example:'])
    assert.ok(help.stdout().includes(name));
});
