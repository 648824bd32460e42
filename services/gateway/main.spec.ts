/** The gateway as a process: health and reflection over gRPC, its address, and what it says of wrong settings. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checkHealth } from '@gapo/rpc';

const main = fileURLToPath(new URL('./main.js', import.meta.url));

/** Starts the gateway without NATS; its log's lines, and how it ends. */
function startGateway(t: TestContext, env: Record<string, string>, args: readonly string[] = []) {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(OTEL_|NATS_URL|COORDINATOR|LISTEN)/.test(name));
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const lines = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { child, lines, ended };
}

test('it says where it listens, is healthy over gRPC and HTTP, and stops when asked', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gapo-gateway-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'address');
  const env = { LISTEN: '127.0.0.1:0', LISTEN_GRPC: '127.0.0.1:0', COORDINATOR: '127.0.0.1:1', ADDRESS_FILE: file };
  const { child, lines, ended } = startGateway(t, env);
  const logged: { address?: string; grpc?: string } = {};
  while (logged.address === undefined) {
    const next = await lines.next();
    assert.ok(next.done !== true, 'the gateway ended before it was ready');
    Object.assign(logged, JSON.parse(next.value) as object);
  }
  assert.equal(readFileSync(file, 'utf8'), logged.address);
  assert.equal(await checkHealth(logged.grpc ?? '', 5000), 'SERVING');
  const health = await fetch(`http://${logged.address}/healthz`);
  assert.equal(((await health.json()) as { status: string }).status, 'ok');
  child.kill('SIGTERM');
  assert.equal((await ended).code, 0);
});

test('wrong settings and taken ports are one line and exit code 2; --help says what there is', async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  const taken = `127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`;
  const free = { LISTEN: '127.0.0.1:0', LISTEN_GRPC: '127.0.0.1:0' };
  const [wrong, http, grpc, help] = await Promise.all([
    startGateway(t, { ...free, COORDINATOR: 'nowhere' }).ended,
    startGateway(t, { ...free, LISTEN: taken }).ended,
    startGateway(t, { ...free, LISTEN_GRPC: taken }).ended,
    startGateway(t, {}, ['--help']).ended,
  ]);
  assert.match(wrong.stderr, /environment COORDINATOR: found string "nowhere", expected a host:port string/);
  assert.match(http.stderr, /LISTEN: cannot listen on .*: the port is taken/);
  assert.match(grpc.stderr, /^cannot listen on .*: another process holds that port/m);
  assert.deepEqual([wrong.code, http.code, grpc.code, help.code], [2, 2, 2, 0]);
  for (const name of ['LISTEN', 'LISTEN_GRPC', 'COORDINATOR', 'NATS_URL', 'Example:'])
    assert.ok(help.stdout.includes(name));
});
