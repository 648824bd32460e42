/**
 * The images' file systems, assembled in a plain folder by the Dockerfile's own steps. Each contains only what its service
 * needs. The service starts from it as the image's unprivileged user and answers gRPC health checks.
 *
 * Slow: it installs packages once for each image. Needs root (to become another user), setpriv and the npm registry.
 * IMAGES=folder keeps the assembled files and reuses them.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { required } from '@gapo/numeric';
import { checkHealth } from '@gapo/rpc';
import { projectRoot } from '../conformance/services.js';
import { ImageProcess } from './imageProcess.js';

const services = ['coordinator', 'rollout', 'gradient', 'reward', 'gateway', 'cli'] as const;
/** Services that need the tensor runtime, which is most of an image's size. */
const withTensors: ReadonlySet<string> = new Set(['rollout', 'gradient', 'reward']);
const healthMs = Infinity;

function reasonToSkip(): string | false {
  if (process.getuid?.() !== 0) return 'needs root, to start services as another user';
  return spawnSync('setpriv', ['--version']).status === 0 ? false : 'needs setpriv (apt-get install util-linux)';
}

describe('images', { skip: reasonToSkip() }, () => {
  const kept = process.env['IMAGES'];
  const images = kept ?? mkdtempSync(join(tmpdir(), 'gapo-images-'));
  const running: ImageProcess[] = [];

  /** Starts a service on a free port of this machine. */
  function start(target: string, env: Record<string, string>): ImageProcess {
    const started = new ImageProcess(images, target, { LISTEN: '127.0.0.1:0', ...env });
    running.push(started);
    return started;
  }

  before(() => {
    if (kept !== undefined && existsSync(join(kept, 'coordinator'))) return;
    mkdirSync(images, { recursive: true });
    // Other users must be able to enter the folder.
    chmodSync(images, 0o755);
    const args = ['deploy/docker/assemble.mjs', images, ...services, 'example'];
    const { status, stderr } = spawnSync(process.execPath, args, {
      cwd: projectRoot,
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    });
    assert.equal(status, 0, stderr);
  });

  after(() => {
    running.forEach((started) => started.kill());
    if (kept === undefined) rmSync(images, { recursive: true, force: true });
  });

  for (const service of services) {
    test(`${service}: contains only the workspaces it depends on, and no sources, tests or dangling links`, () => {
      const app = join(images, service, 'app');
      assert.deepEqual(workspacesIn(app), closureOf(`services/${service}`));
      const files = filesOf(app);
      const own = files.filter((file) => !file.includes('node_modules/'));
      const surplus = own.filter((file) => !/\/package\.json$|\/dist\/.*|^proto\/.*\.proto$/.test(file));
      assert.deepEqual(surplus, []);
      assert.deepEqual(
        own.filter((file) => /\.(spec|fixture)\.|\.ts$|\.tsbuildinfo$/.test(file)),
        [],
      );
      assert.deepEqual(
        files.filter((file) => isDangling(join(app, file))),
        [],
      );
      assert.equal(existsSync(join(app, 'node_modules/onnxruntime-node')), withTensors.has(service));
      const tokenizers = files.filter((file) => /\/tokenizers\..*\.node$/.test(file));
      assert.ok(
        tokenizers.every((file) => file.endsWith('-gnu.node')),
        'binaries of the base alone',
      );
      for (const tool of ['typescript', 'eslint', 'prettier'])
        assert.ok(!existsSync(join(app, 'node_modules', tool)), tool);
    });
  }

  test('every service starts as user 10001, answers gRPC health checks and exits on its stop signal', async () => {
    const data = join(images, 'coordinator/data');
    assert.equal(lstatSync(data).uid, 10001, 'the user owns the folder of runs');
    const rules = join(images, 'example/brief.yaml');
    writeFileSync(rules, 'objective: brief\nrules:\n  - { kind: length, target: 20, scale: 10, weight: 1 }\n');

    const coordinator = start('coordinator', { DATA_DIR: data });
    const COORDINATOR = await coordinator.address();
    const gateway = start('gateway', { LISTEN_GRPC: '127.0.0.1:0', COORDINATOR });
    const others = [
      coordinator,
      start('rollout', { COORDINATOR, THREADS: '1' }),
      start('gradient', { COORDINATOR, THREADS: '1' }),
      start('reward', { REWARD_KIND: 'rules', REWARD_RULES: rules }),
    ];
    for (const service of others) assert.equal(await checkHealth(await service.address(), healthMs), 'SERVING');
    assert.equal(await checkHealth(await gateway.waitFor(/"grpc":"([^"]+)"/), healthMs), 'SERVING');
    const page = await fetch(`http://${await gateway.address()}/`);
    assert.equal(page.status, 200);
    assert.match(await page.text(), /<html/i);

    const cli = new ImageProcess(images, 'cli', { GAPO_COORDINATOR: COORDINATOR }, ['runs', '--json']);
    assert.equal(await cli.exited(), 0, cli.output);
    assert.deepEqual(JSON.parse(cli.output), []);

    for (const service of [gateway, ...others]) {
      assert.equal(await service.userId(), 10001);
      assert.equal(await service.stop(), 0, service.output);
    }
  });

  test("the example's rewards start from its image", async () => {
    for (const name of ['helpful', 'harmless']) {
      const model = join(images, 'example/models', name);
      const reward = start('reward', { REWARD_KIND: 'onnx', REWARD_MODEL: model, OBJECTIVE: name, THREADS: '1' });
      assert.equal(await checkHealth(await reward.address(), healthMs), 'SERVING');
      assert.equal(await reward.stop(), 0, reward.output);
    }
  });

  test("the compose file's health check passes in a service's image, and fails when the service has stopped", async () => {
    const text = readFileSync(join(projectRoot, 'deploy/compose/compose.yaml'), 'utf8');
    const script = /--eval\n\s+- >-\n([\s\S]*?)\n {2}interval/.exec(text)?.[1] ?? assert.fail('no health check found');
    const health = `127.0.0.1:${await freePort()}`;
    const gradient = start('gradient', { COORDINATOR: '127.0.0.1:1', THREADS: '1', LISTEN_HEALTH: health });
    await gradient.address();
    const check = (): number | null => {
      const args = ['--input-type=module', '--eval', script];
      const { PATH = '' } = process.env;
      return spawnSync(process.execPath, args, {
        cwd: join(images, 'gradient/app'),
        env: { PATH, LISTEN_HEALTH: health },
      }).status;
    };
    assert.equal(check(), 0);
    assert.equal(await gradient.stop(), 0, gradient.output);
    assert.notEqual(check(), 0);
  });
});

/** A port that nothing listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Every file below a folder, relative to it. Symbolic links count as files. */
function filesOf(folder: string): string[] {
  const walk = (at: string): string[] =>
    readdirSync(at, { withFileTypes: true }).flatMap((entry) => {
      const path = join(at, entry.name);
      return entry.isDirectory() ? walk(path) : [relative(folder, path)];
    });
  return walk(folder);
}

function isDangling(path: string): boolean {
  return lstatSync(path).isSymbolicLink() && !existsSync(path);
}

function workspacesIn(app: string): string[] {
  const folders = ['services', 'services/lib'].flatMap((parent) =>
    readdirSync(join(app, parent)).map((name) => `${parent}/${name}`),
  );
  return folders.filter((folder) => folder !== 'services/lib').sort();
}

interface Manifest {
  name: string;
  dependencies?: Record<string, string>;
}

const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(projectRoot, folder, 'package.json'), 'utf8')) as Manifest;

/** The folder of each workspace by its package's name, which may differ from the folder's. */
const folderOf = new Map(
  workspacesIn(projectRoot)
    .filter((folder) => existsSync(join(projectRoot, folder, 'package.json')))
    .map((folder) => [manifestOf(folder).name, folder]),
);

/** The workspaces that a service depends on, itself included, according to package.json. */
function closureOf(service: string): string[] {
  const found = new Set<string>();
  const visit = (folder: string): void => {
    if (found.has(folder)) return;
    found.add(folder);
    for (const name of Object.keys(manifestOf(folder).dependencies ?? {})) {
      if (name.startsWith('@gapo/')) visit(required(folderOf.get(name), name));
    }
  };
  visit(service);
  return [...found].sort();
}
