/**
 * The compose file on a container engine, using the commands from deploy/README.md: everything starts, a run trains, traces
 * arrive, and after `down` and `up` the run and its events are still there.
 *
 * Takes minutes, because it builds the images and trains the example for a few steps.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort } from '@gapo/service/testing';
import { codeOf } from '../documents.fixture.js';
import { docker, whyNoEngine } from '../engine.fixture.js';
import { gapo, project } from '../platform.fixture.js';

const steps = 4;

/** A server that receives traces over OTLP/HTTP and prints a line per request. */
const receiver = `
  require('node:http').createServer((request, response) => {
    request.resume().on('end', () => { console.log(request.url); response.setHeader('content-type', 'application/json').end('{}'); });
  }).listen(4318)`;

describe('the compose file', { skip: whyNoEngine('compose') }, () => {
  const name = `gapo-test-${randomUUID().slice(0, 8)}`;
  let folder: string;
  let commands: readonly string[];
  let env: NodeJS.ProcessEnv;
  let page: string;
  let coordinator: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gapo-compose-'));
    // The services' user has to read it.
    await chmod(folder, 0o755);
    await cp(join(project, 'examples/assistant'), folder, { recursive: true });
    const path = join(folder, 'run.yaml');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace(/^steps: \d+$/m, `steps: ${steps}`));
    commands = (await codeOf('deploy/README.md', 'Docker compose'))
      .filter(({ language }) => language === 'sh')
      .flatMap(({ code }) => code.trim().split('\n'));
    const [coordinatorPort, httpPort, jaegerPort] = [await freePort(), await freePort(), await freePort()];
    page = `http://127.0.0.1:${httpPort}`;
    coordinator = `127.0.0.1:${coordinatorPort}`;
    env = {
      ...process.env,
      COMPOSE_PROJECT_NAME: name,
      PROJECT: folder,
      COORDINATOR_PORT: String(coordinatorPort),
      HTTP_PORT: String(httpPort),
      JAEGER_PORT: String(jaegerPort),
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://receiver:4318',
    };
  });

  after(async () => {
    spawnSync('docker', ['rm', '--force', `${name}-receiver`]);
    if (commands.length > 0) run(`${documented('down')} --volumes`);
    await rm(folder, { recursive: true, force: true });
  });

  /** The documented command that contains a word, without its comment. */
  function documented(word: string): string {
    const found = commands.find((command) => ` ${command} `.includes(` ${word} `));
    assert.ok(found !== undefined, `deploy/README.md has no command with ${word}`);
    return found.replace(/ +#.*/, '');
  }

  /** Runs a command in the project's root; returns its standard output. */
  function run(command: string): string {
    const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { cwd: project, env, encoding: 'utf8' });
    assert.equal(status, 0, `${command}\n${stdout}${stderr}`);
    return stdout;
  }

  /**
   * Returns the runs through the published port, because `docker compose run` sometimes loses the output of short commands.
   */
  async function runsNow(): Promise<{ id: string; state: string }[]> {
    const { code, stdout, stderr } = await gapo(['runs', '--json', '--coordinator', coordinator]);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as { id: string; state: string }[];
  }

  /** The ids of a run's events, up to the one that reports success. */
  async function eventsOf(id: string): Promise<string[]> {
    const { body } = await fetch(`${page}/api/runs/${id}/events`);
    assert.ok(body !== null);
    let text = '';
    for await (const part of body.pipeThrough(new TextDecoderStream())) {
      text += part;
      if (/"to":"\w*succeeded"/i.test(text)) break;
    }
    return text.match(/^id: .*$/gm) ?? [];
  }

  test('everything starts, a run trains, and after down and up the run and its events are there', async (t) => {
    run(documented('up'));
    const at = ['--network', `${name}_default`, '--network-alias', 'receiver', '--entrypoint', 'node'];
    docker(['run', '--detach', '--name', `${name}-receiver`, ...at, 'gapo-cli:0.1.0', '--eval', receiver]);
    run(documented('train'));
    run(documented('runs'));
    const [first, ...others] = await runsNow();
    assert.ok(first !== undefined && others.length === 0);
    t.diagnostic(JSON.stringify(first));
    const events = await eventsOf(first.id);
    assert.ok(events.length > steps, `${events.length} events`);
    assert.match(docker(['logs', `${name}-receiver`]), /^\/v1\/traces$/m);
    run(documented('export').replace(' RUN ', ` ${first.id} `));
    run(documented('cp').replace('./exported', join(folder, 'exported')));

    run(documented('down'));
    run(documented('up'));
    assert.deepEqual(await runsNow(), [first]);
    assert.deepEqual(await eventsOf(first.id), events);
  });
});
