/**
 * The Python reward service, with stubs generated as described in its README, follows the contract. Needs
 * grpcio.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checkHealth, connect } from '@gapo/rpc';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const python = process.env['PYTHON'] ?? 'python3';
/** No deadline because the machine may be busy. */
const deadlineMs = Infinity;

/** Why the test is skipped; false if it runs. */
function reasonToSkip(): string | false {
  try {
    execFileSync(python, ['-c', 'import grpc, grpc_tools, grpc_health'], { stdio: 'ignore' });
    return false;
  } catch {
    return `${python} lacks grpcio, grpcio-tools or grpcio-health-checking: \`make test-tools\` installs one that has them`;
  }
}

test('the Python example speaks the contract', { skip: reasonToSkip() }, async (t) => {
  const stubs = mkdtempSync(join(tmpdir(), 'gapo-python-'));
  t.after(() => rmSync(stubs, { recursive: true }));
  const protoc = ['-m', 'grpc_tools.protoc', '-I', join(root, 'proto'), `--python_out=${stubs}`];
  execFileSync(python, [...protoc, `--grpc_python_out=${stubs}`, 'gapo/reward/v1/reward.proto'], { cwd: root });
  const child = spawn(python, [join(root, 'examples/reward-python/main.py')], {
    env: { ...process.env, PYTHONPATH: stubs, LISTEN: '127.0.0.1:0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const address = line.replace(/^listens on /, '');
  assert.equal(await checkHealth(address, deadlineMs), 'SERVING');
  const client = connect('gapo.reward.v1.RewardService', address);
  t.after(() => client.close());
  const { objective, maxBatch, maxBytes, minimum } = await client.Describe({}, { deadlineMs });
  assert.deepEqual([objective, maxBatch, minimum], ['concise', 256, 0]);
  const items = ['one two three', ''].map((completion, i) => ({ id: String(i), prompt: 'p', completion }));
  const { results } = await client.Score({ items }, { deadlineMs });
  assert.deepEqual(
    results.map(({ id, score }) => [id, score]),
    [
      ['0', 0.25],
      ['1', 1],
    ],
  );
  const many = Array.from({ length: 257 }, (_, i) => ({ id: String(i), prompt: '', completion: '' }));
  await assert.rejects(client.Score({ items: many }, { deadlineMs }), { code: 'INVALID_ARGUMENT' });
  const page = 'word '.repeat(20_000);
  const long = Array.from({ length: 60 }, (_, i) => ({ id: String(i), prompt: page, completion: 'one two three' }));
  assert.ok(60 * page.length > 4 * 2 ** 20 && 60 * page.length < maxBytes);
  const large = await client.Score({ items: long }, { deadlineMs });
  assert.ok(large.results.every(({ score }) => score === 0.25));
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});
