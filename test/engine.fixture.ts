/** A container engine, used through its command line. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';

/** Runs `docker ARGS`; returns its output without the trailing line break. */
export function docker(args: readonly string[], { input, cwd }: { input?: string; cwd?: string } = {}): string {
  const { status, stdout, stderr, error } = spawnSync('docker', args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    ...(input === undefined ? {} : { input }),
    ...(cwd === undefined ? {} : { cwd }),
  });
  assert.equal(error, undefined, `docker: ${error?.message}`);
  assert.equal(status, 0, `docker ${args.join(' ')} ended with code ${status}:\n${stdout}${stderr}`);
  return stdout.trim();
}

/** Why there is no usable engine; false if there is one. `parts` are required plugins, such as compose. */
export function whyNoEngine(...parts: readonly string[]): string | false {
  const version = spawnSync('docker', ['version', '--format', '{{.Server.Version}}'], { encoding: 'utf8' });
  if (version.error !== undefined) return 'needs a container engine: the command docker is not on PATH';
  if (version.status !== 0)
    return `needs a container engine: start Docker or set DOCKER_HOST (${firstLine(version.stderr)})`;
  for (const part of parts) {
    const { status } = spawnSync('docker', [part, 'version']);
    if (status !== 0) return `needs the plugin of docker named ${part}`;
  }
  return false;
}

const firstLine = (text: string): string => text.trim().split('\n')[0] ?? '';

/** Restrictions of a container to what it needs. */
const restricted = ['--read-only', '--tmpfs', '/tmp', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'];

/** Containers of one test on their own network, reachable by name. */
export class Containers {
  readonly #network = `gapo-test-${randomUUID().slice(0, 8)}`;
  readonly #started: string[] = [];

  constructor() {
    docker(['network', 'create', this.#network]);
  }

  /** Starts an image, restricted, under a name. `options` are those of `docker run`, `args` follow the image. */
  start(name: string, image: string, options: readonly string[] = [], args: readonly string[] = []): string {
    const at = ['--network', this.#network, '--network-alias', name];
    const id = docker(['run', '--detach', ...at, ...restricted, ...options, image, ...args]);
    this.#started.push(id);
    return id;
  }

  /** Runs an image until it exits and returns its output. */
  run(image: string, args: readonly string[], options: readonly string[] = []): string {
    return docker(['run', '--rm', '--network', this.#network, ...restricted, ...options, image, ...args]);
  }

  /** Removes all containers and the network. */
  remove(): void {
    if (this.#started.length > 0) docker(['rm', '--force', '--volumes', ...this.#started]);
    docker(['network', 'rm', this.#network]);
  }
}
