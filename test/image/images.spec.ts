/**
 * The images, built by a container engine and started with the rights of a restricted cluster. Each contains only what its service
 * needs.
 *
 * Takes minutes. NODE_IMAGE names a different base image; BUILD_FLAGS are further options for `docker build`.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { required } from '@gapo/numeric';
import { describeImage } from '../conformance/images.js';
import { projectRoot } from '../conformance/services.js';
import { Containers, docker, whyNoEngine } from '../engine.fixture.js';

interface Workspaces {
  closure: (root: string, folders: readonly string[]) => string[];
  servicesOf: (image: string) => string[];
}

const { closure, servicesOf } = (await import(
  pathToFileURL(join(projectRoot, 'deploy/workspaces.mjs')).href
)) as Workspaces;

const services = ['coordinator', 'rollout', 'gradient', 'reward', 'gateway', 'cli'] as const;
/** Services that need the tensor runtime. */
const withTensors: ReadonlySet<string> = new Set(['rollout', 'gradient', 'reward']);
const largestBytes = 250e6;
const imageOf = (target: string): string => `gapo-${target}:test`;

/** The result of `docker image inspect`. */
interface Inspected {
  Size: number;
  Config: {
    User: string;
    WorkingDir: string;
    Env: string[];
    Labels: Record<string, string>;
    ExposedPorts?: Record<string, object>;
    StopSignal: string;
    Entrypoint: string[];
    Healthcheck?: { Test: string[] };
  };
}

const inspect = (target: string): Inspected =>
  required((JSON.parse(docker(['image', 'inspect', imageOf(target)])) as Inspected[])[0], target);

describe('images', { skip: whyNoEngine() }, () => {
  before(() => {
    const base = process.env['NODE_IMAGE'];
    const flags = [
      ...(base === undefined ? [] : ['--build-arg', `NODE_IMAGE=${base}`]),
      ...(process.env['BUILD_FLAGS']?.split(' ') ?? []),
    ];
    for (const target of [...services, 'example']) {
      const of = ['--file', 'deploy/docker/Dockerfile', '--target', target, '--tag', imageOf(target)];
      docker(['build', ...of, ...flags, '.'], { cwd: projectRoot });
    }
  });

  for (const service of services) {
    test(`${service}: starts as the Dockerfile says`, () => {
      const { Config: config } = inspect(service);
      const described = describeImage(service);
      const env: Record<string, string> = Object.fromEntries(config.Env.map(pairOf));
      assert.deepEqual(
        {
          workdir: config.WorkingDir,
          env,
          labels: config.Labels,
          user: config.User,
          exposed: Object.keys(config.ExposedPorts ?? {})
            .map((port) => Number(port.split('/')[0]))
            .sort((a, b) => b - a),
          stopSignal: config.StopSignal,
          entrypoint: config.Entrypoint,
          probe: config.Healthcheck?.Test.filter((word) => word !== 'CMD' && word !== 'NONE') ?? [],
        },
        { ...described, exposed: described.exposed.toSorted((a, b) => b - a) },
      );
    });

    test(`${service}: contains only the workspaces it depends on, and no sources, tests, tools or dangling links`, () => {
      const { files, dangling } = contentOf(service);
      const workspaces = new Set(
        files.flatMap((file) => /^(services\/(?:lib\/)?\w+)\/package\.json$/.exec(file)?.[1] ?? []),
      );
      assert.deepEqual([...workspaces].sort(), closure(projectRoot, servicesOf(service)).sort());
      const own = files.filter((file) => !file.includes('node_modules/'));
      const expected = /\/package\.json$|\/dist\/.*|^proto\/.*\.proto$|^probe\.mjs$|^LICENSE$/;
      assert.deepEqual(
        own.filter((file) => !expected.test(file)),
        [],
      );
      assert.deepEqual(
        own.filter((file) => /\.(spec|fixture)\.|\.ts$|\.map$|\.tsbuildinfo$/.test(file)),
        [],
      );
      assert.deepEqual(dangling, []);
      for (const tool of ['typescript', 'eslint', 'prettier', 'npm']) {
        assert.ok(!files.some((file) => file.startsWith(`node_modules/${tool}/`)), tool);
      }
      const binaries = files.filter((file) => /onnxruntime.*\/bin\/|tokenizers\.[^/]*\.node$/.test(file));
      assert.equal(
        binaries.some((file) => file.includes('onnxruntime')),
        withTensors.has(service),
      );
      assert.deepEqual(
        binaries.filter((file) => !/linux/.test(file)),
        [],
        'binaries of this platform alone',
      );
    });
  }

  test('images without the tensor runtime are below 250 MB', (t) => {
    for (const service of services) {
      const { Size: size } = inspect(service);
      t.diagnostic(`${service}: ${(size / 1e6).toFixed(0)} MB`);
      if (!withTensors.has(service)) assert.ok(size < largestBytes, `${service} has ${size} bytes`);
    }
  });

  for (const user of ['10001:10001', '1000730000:0']) {
    test(`as user ${user} every service becomes healthy on a read-only file system, and ends on its stop signal`, (t) => {
      const containers = new Containers();
      t.after(() => containers.remove());
      const start = (name: string, env: Record<string, string>, options: readonly string[] = []): string => {
        const settings = Object.entries({ INSECURE: 'true', ...env }).flatMap(([key, value]) => [
          '--env',
          `${key}=${value}`,
        ]);
        return containers.start(name, imageOf(name), ['--user', user, ...settings, ...options]);
      };
      const COORDINATOR = 'coordinator:50050';
      const project = `type=bind,source=${join(projectRoot, 'examples/assistant')},target=/project,readonly`;
      const reward = {
        REWARD_KIND: 'onnx',
        REWARD_MODEL: '/project/models/helpful',
        OBJECTIVE: 'helpful',
        THREADS: '1',
      };
      const ids = [
        start('coordinator', { ROLLOUT_WORKERS: 'rollout:50051', GRADIENT_WORKERS: 'gradient:50052' }, [
          '--volume',
          '/data',
        ]),
        start('rollout', { COORDINATOR, THREADS: '1' }),
        start('gradient', { COORDINATOR, THREADS: '1' }),
        start('gateway', { COORDINATOR }),
        start('reward', reward, ['--mount', project]),
      ];
      for (const id of ids) becomesHealthy(id);
      const runs = containers.run(
        imageOf('cli'),
        ['runs', '--json'],
        ['--user', user, '--env', `GAPO_COORDINATOR=${COORDINATOR}`],
      );
      assert.deepEqual(JSON.parse(runs), []);
      const page =
        "fetch('http://127.0.0.1:8080/').then(async (r) => console.log(r.status, /<html/i.test(await r.text())))";
      assert.equal(docker(['exec', required(ids[3], 'gateway'), 'node', '--eval', page]), '200 true');
      for (const id of ids) {
        docker(['stop', '--time', '60', id]);
        assert.equal(docker(['inspect', '--format', '{{.State.ExitCode}}', id]), '0', docker(['logs', id]));
      }
    });
  }
});

/** `NAME=value`, split at the first equals sign. */
function pairOf(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Runs the image's probe until it succeeds. */
function becomesHealthy(id: string): void {
  while (spawnSync('docker', ['exec', id, 'node', 'probe.mjs']).status !== 0) {
    const running = docker(['inspect', '--format', '{{.State.Running}}', id]);
    assert.equal(running, 'true', spawnSync('docker', ['logs', id], { encoding: 'utf8' }).stderr);
  }
}

/** The paths of everything in an image's /app, and of dangling symbolic links. */
function contentOf(service: string): { files: string[]; dangling: string[] } {
  const walk = `
    import { existsSync, readdirSync } from 'node:fs';
    const entries = readdirSync('.', { recursive: true, withFileTypes: true });
    const path = ({ parentPath, name }) => (parentPath + '/' + name).replace('./', '');
    console.log(JSON.stringify({
      files: entries.filter((entry) => !entry.isDirectory()).map(path),
      dangling: entries.filter((entry) => entry.isSymbolicLink() && !existsSync(path(entry))).map(path),
    }))`;
  const node = ['--rm', '--entrypoint', 'node', imageOf(service), '--input-type=module', '--eval', walk];
  return JSON.parse(docker(['run', ...node])) as { files: string[]; dangling: string[] };
}
