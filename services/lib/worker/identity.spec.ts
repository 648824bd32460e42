// What a worker reports about itself, and that it refuses work meant for an earlier process.
import assert from 'node:assert/strict';
import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { connect, implement, ownProtocol, serve } from '@gapo/rpc';
import { readBuild } from './build.js';
import { instructionsOf, ownEnvironment } from './environment.js';
import { identified, ownIdentity } from './identity.js';
import { deadlineMs, failsWith } from './testing.fixture.js';

const own = new URL('mod.js', import.meta.url);
const identityWith = (instance: string, threads: number) =>
  ownIdentity(instance, own, (runtime) => ownEnvironment({ threads, device: 'cpu' }, runtime));

test('the identity has the release, the build and everything that decides the last bits', async () => {
  const identity = await identityWith('one', 3);
  const again = await identityWith('two', 3);
  assert.deepEqual(again, { ...identity, instance: 'two' });
  assert.equal(identity.version, ownProtocol().version);
  assert.match(identity.build, /^\d+\.\d+\.\d+\+[0-9a-f]{12}$/);
  const { threads, device, platform, node } = identity.environment;
  assert.deepEqual([threads, device, platform], ['3', 'cpu', `${process.platform}-${process.arch}`]);
  assert.equal(node, process.versions.node.split('.')[0]);
});

/** A copy of this package, with links to its dependencies. */
async function copyOfPackage(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gapo-build-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const source = join(dirname(fileURLToPath(own)), '..');
  await cp(join(source, 'package.json'), join(folder, 'package.json'));
  await cp(join(source, 'dist'), join(folder, 'dist'), { recursive: true });
  await symlink(join(source, '../../../node_modules'), join(folder, 'node_modules'));
  return folder;
}

test('a build is the same in every directory, and changes with every compiled file; tests do not count', async (t) => {
  const folder = await copyOfPackage(t);
  const copy = pathToFileURL(join(folder, 'dist/mod.js'));
  const { sha256 } = await readBuild(own);
  assert.equal((await readBuild(copy)).sha256, sha256);
  await writeFile(join(folder, 'dist/more.spec.js'), '');
  assert.equal((await readBuild(copy)).sha256, sha256);
  await writeFile(join(folder, 'dist/more.js'), '');
  assert.notEqual((await readBuild(copy)).sha256, sha256);
});

test('the sets of vector instructions are read from /proc/cpuinfo of x86 and ARM', () => {
  assert.equal(
    instructionsOf('processor\t: 0\nflags\t\t: fpu sse avx f16c fma avx2 avx512f\n'),
    'avx fma avx2 avx512f',
  );
  assert.equal(instructionsOf('processor\t: 0\nflags\t\t: fpu sse avx fma avx2\nflags\t\t: avx512f\n'), 'avx fma avx2');
  assert.equal(instructionsOf('Features\t: fp asimd sve\n'), 'asimd sve');
  assert.equal(instructionsOf(''), '');
});

test('a worker identifies itself, and refuses what is meant for another instance', async (t) => {
  const identity = await identityWith('one', 1);
  const rollout = implement('gapo.rollout.v1.RolloutService', {
    Generate: async function* () {
      yield { completions: [] };
    },
  });
  const server = await serve({
    address: '127.0.0.1:0',
    services: identified([rollout], 'one', async () => identity),
    shutdownGraceMs: 0,
  });
  const client = connect('gapo.rollout.v1.RolloutService', server.address);
  const worker = connect('gapo.worker.v1.WorkerService', server.address);
  t.after(async () => {
    client.close();
    worker.close();
    await server.stop();
  });
  assert.deepEqual({ ...(await worker.Identify({}, { deadlineMs })) }, identity);
  const generate = async (instance: string): Promise<number> => {
    let messages = 0;
    for await (const message of client.Generate({ instance }, { deadlineMs }))
      messages += message.completions.length + 1;
    return messages;
  };
  assert.equal(await generate(''), 1);
  assert.equal(await generate(identity.instance), 1);
  await assert.rejects(generate('another'), failsWith('ABORTED', /the worker was restarted since it was identified/));
});
