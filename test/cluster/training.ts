/** Trains the example, on this machine and in the cluster. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { required } from '@gapo/numeric';
import { z } from '@gapo/service';
import { project } from '../platform.fixture.js';
import { kubectl, kubectlShown } from './programs.js';
import { inCli, release } from './release.js';
import { settings } from './settings.js';

const example = 'examples/assistant/run.yaml';

/** What differs from the example. */
export interface Change {
  /** 0: as many as the example. */
  readonly steps: number;
  /** @default those of the example */
  readonly shards?: number;
}

const usual: Change = { steps: settings.STEPS };

/** The example with a change, and with absolute paths because it is not next to its files. */
function changed(directory: string, { steps, shards }: Change): string {
  const text = readFileSync(join(project, example), 'utf8').replace(
    /: ((?:models|prompts)\/\S+)/g,
    `: ${directory}/$1`,
  );
  const short = steps === 0 ? text : text.replace(/^steps: .*$/m, `steps: ${steps}`);
  return shards === undefined ? short : short.replace(/^( +)shards: .*$/m, `$1shards: ${shards}`);
}

/**
 * Returns the SHA-256 of the adapter of a run on this machine.
 *
 * @throws Error if the run prints none
 */
export function trainHere(change = usual): string {
  const data = mkdtempSync(join(tmpdir(), 'gapo-cluster-local-'));
  try {
    let file = example;
    if (change.steps > 0) {
      file = join(data, 'run.yaml');
      writeFileSync(file, changed(join(project, 'examples/assistant'), change));
    }
    const rewards = ['--rewards', 'examples/assistant/rewards.yaml'];
    const ports = ['--port-base', '0', '--http-port', '0'];
    const args = ['services/cli/dist/main.js', 'run', file, ...rewards, ...ports, '--data', data, '--fresh', '--json'];
    const out = execFileSync(process.execPath, args, {
      cwd: project,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const found = /"versionSha256":\s*"([0-9a-f]{64})"/.exec(out);
    if (found === null) throw new Error('the run on this machine printed no versionSha256');
    return found[1] ?? '';
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

const runSchema = z.object({ id: z.string(), state: z.string(), versionSha256: z.string() });

/** The runs of the release. */
export const runsOf = (namespace: string): z.output<typeof runSchema>[] =>
  z.array(runSchema).parse(JSON.parse(kubectl(...inCli(namespace, 'runs', '--json'))));

/** The example's configuration for the cluster, with the configured number of steps. */
export const configurationText = (change = usual): string => changed('/project', change);

/** Copies a configuration into the CLI's pod and returns its path there. */
function putConfiguration(namespace: string, change: Change): string {
  if (change.steps === 0) return '/project/run.yaml';
  const file = '/tmp/run.yaml';
  const write = `require('node:fs').writeFileSync('${file}', Buffer.from(process.argv[1], 'base64'))`;
  const text = Buffer.from(configurationText(change)).toString('base64');
  kubectl('-n', namespace, 'exec', `deployment/${release}-cli`, '--', 'node', '--eval', write, text);
  return file;
}

/** Starts a run in the cluster under a name. */
export function startRun(namespace: string, id: string, change: Change): void {
  kubectlShown(...inCli(namespace, 'train', putConfiguration(namespace, change), '--data', '/tmp', '--id', id));
}

/** Trains in the cluster and shows the progress. */
export function train(namespace: string, id: string, change = usual): void {
  const file = putConfiguration(namespace, change);
  kubectlShown(...inCli(namespace, 'train', file, '--data', '/tmp', '--id', id, '--watch'));
}

/**
 * Returns the SHA-256 of a run's adapter.
 *
 * @throws Error if the run has not succeeded
 */
export function succeeded(namespace: string, id: string): string {
  const run = required(
    runsOf(namespace).find((one) => one.id === id),
    `the run ${id}`,
  );
  if (run.state !== 'RUN_STATE_SUCCEEDED') throw new Error(`the run ${id} is ${run.state}`);
  return run.versionSha256;
}

/** Returns the text of a file of the coordinator's volume. */
export function dataFile(namespace: string, path: string): string {
  const print = "process.stdout.write(require('node:fs').readFileSync('/data/' + process.argv[1], 'utf8'))";
  return kubectl('-n', namespace, 'exec', `deployment/${release}-coordinator`, '--', 'node', '--eval', print, path);
}

/**
 * Returns when each step of a run ended, in milliseconds since 1970, according to its event log in the coordinator's
 * volume.
 */
export function stepEnds(namespace: string, id: string): number[] {
  const script = `
    const { readdirSync, readFileSync } = require('node:fs');
    const folder = '/data/' + process.argv[1] + '/events/';
    const lines = readdirSync(folder).filter((name) => name.endsWith('.jsonl')).sort()
      .flatMap((name) => readFileSync(folder + name, 'utf8').split('\\n')).filter((line) => line !== '');
    const steps = lines.map((line) => JSON.parse(line)).filter(({ type }) => type === 'gapo.v1.step');
    console.log(JSON.stringify(steps.map(({ time }) => Date.parse(time))));`;
  const pod = `deployment/${release}-coordinator`;
  return z
    .array(z.number())
    .parse(JSON.parse(kubectl('-n', namespace, 'exec', pod, '--', 'node', '--eval', script, id)));
}
