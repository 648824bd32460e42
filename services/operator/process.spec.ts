/** The operator's process without a reachable API server: it says so, is not ready, and stops on request. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checkHealth } from '@gapo/rpc';
import { freePort } from '@gapo/service/testing';

const main = fileURLToPath(new URL('main.js', import.meta.url));

test('an operator that has not reached the API server is not ready, and says why', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gapo-operator-'));
  t.after(() => rm(folder, { recursive: true }));
  const [api, listen, health] = [await freePort(), await freePort(), await freePort()];
  const entry = {
    name: 'here',
    cluster: { server: `https://127.0.0.1:${api}` },
    context: { cluster: 'here', user: '' },
  };
  const config = { apiVersion: 'v1', kind: 'Config', clusters: [entry], contexts: [entry], 'current-context': 'here' };
  await writeFile(join(folder, 'config'), JSON.stringify(config));
  const env = {
    PATH: process.env['PATH'],
    KUBECONFIG: join(folder, 'config'),
    NAMESPACE: 'default',
    LISTEN: `127.0.0.1:${listen}`,
    LISTEN_HEALTH: `127.0.0.1:${health}`,
  };
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  let log = '';
  await new Promise<void>((resolve) => {
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      log += chunk;
      if (log.includes(`the lease gapo-operator: request to https://127.0.0.1:${api}/`)) resolve();
    });
  });
  assert.equal(await checkHealth(`127.0.0.1:${listen}`, 60_000), 'NOT_SERVING');
  await assert.rejects(checkHealth(`127.0.0.1:${health}`, 60_000), { code: 'UNAVAILABLE' });
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
});
