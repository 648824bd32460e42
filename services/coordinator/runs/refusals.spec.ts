// What callers may not reach through the coordinator: files outside the project, addresses, names that lead elsewhere.
import assert from 'node:assert/strict';
import { readdir, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { RpcError, secureProcess, type Refusal } from '@gapo/rpc';
import { createRun, deadlineMs, runYaml, startAll } from '../fixtures/world.fixture.js';

const refusedWith = (expected: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RpcError && error.code === 'PERMISSION_DENIED', String(error));
  assert.match(error.details, expected);
  assert.doesNotMatch(error.details, /root|:0:|hunter2/);
  return true;
};

test('files outside of the project and addresses are refused, reported and leave nothing behind', async (t) => {
  const refusals: Refusal[] = [];
  secureProcess({ onRefused: (refusal) => refusals.push(refusal) });
  t.after(() => secureProcess({}));
  const { world, coordinator } = await startAll(t);
  await symlink('/etc/passwd', join(world.directory, 'link.jsonl'));
  const before = await readdir(join(world.directory, 'runs'));

  const usual = runYaml();
  const prompts = /prompts: [^ ,}]+/;
  assert.match(usual, prompts);
  for (const path of ['/etc/passwd', '/etc/shadow', '../../../../../../etc/passwd', 'link.jsonl']) {
    const config = usual.replace(prompts, `prompts: ${path}`);
    await assert.rejects(createRun(coordinator, world, config), refusedWith(/^data\.prompts: .*PROJECT_DIRS/));
  }
  const elsewhere = { configYaml: usual, baseDirectory: '/etc', runId: 'x' };
  await assert.rejects(
    coordinator.client.CreateRun(elsewhere, { deadlineMs }),
    refusedWith(/^policy\.model: .*PROJECT_DIRS/),
  );

  let connections = 0;
  const listening = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => listening.listen(0, '0.0.0.0', resolve));
  t.after(() => listening.close());
  const { port } = listening.address() as { port: number };
  for (const service of [
    'unix:/var/run/docker.sock',
    '169.254.169.254:80',
    `0.0.0.0:${port}`,
    `dns://127.0.0.1/x:${port}`,
  ]) {
    const config = runYaml({ objectives: [`{ name: letters, service: '${service}' }`, 'short'] });
    await assert.rejects(createRun(coordinator, world, config), refusedWith(/^service: .*REWARD_ALLOW/));
  }
  assert.equal(connections, 0);
  assert.deepEqual(await readdir(join(world.directory, 'runs')), before);
  assert.deepEqual(
    refusals.map(({ reason }) => reason),
    [...Array.from({ length: 5 }, () => 'path'), ...Array.from({ length: 4 }, () => 'address')],
  );
  assert.ok(refusals.every(({ peer, path }) => peer.startsWith('127.0.0.1:') && path?.endsWith('/CreateRun') === true));
});

test('an address that is not allowed cannot be added to a run that exists', async (t) => {
  const { world, coordinator } = await startAll(t, { env: { REWARD_ALLOW: '*.rewards.svc:50061' } });
  await createRun(coordinator, world, runYaml({ steps: 100 }));
  const change = { runId: 'bandit', add: [{ name: 'more', service: '127.0.0.1:1' }], remove: [], preference: {} };
  await assert.rejects(
    coordinator.client.ChangeObjectives(change, { deadlineMs }),
    refusedWith(/127\.0\.0\.1:1 .*REWARD_ALLOW: \*\.rewards\.svc:50061/),
  );
  await coordinator.client.CancelRun({ runId: 'bandit' }, { deadlineMs });
});

test('run ids are words; invalid ids are refused, quoted and truncated', async (t) => {
  const { world, coordinator } = await startAll(t);
  for (const id of ['../../evil', '..', '.lease', 'a/b', '__proto__', 'a\u0000b', 'a\nb', 'a'.repeat(64), 'é']) {
    await assert.rejects(createRun(coordinator, world, runYaml(), id), (error) => {
      assert.ok(error instanceof RpcError && error.code === 'INVALID_ARGUMENT', String(error));
      assert.ok(error.details.includes(JSON.stringify(id)), error.details);
      return true;
    });
    await assert.rejects(coordinator.client.GetRun({ runId: id }, { deadlineMs }), { code: 'NOT_FOUND' });
  }
  const long = { runId: 'x'.repeat(1_000_000) };
  await assert.rejects(coordinator.client.CancelRun(long, { deadlineMs }), (error) => {
    assert.ok(error instanceof RpcError && error.code === 'NOT_FOUND' && error.details.length < 300);
    return true;
  });
  assert.ok(!(await readdir(world.directory)).includes('evil'));
});
