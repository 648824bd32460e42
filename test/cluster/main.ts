/**
 * make test-cluster: installs the chart in the cluster that KUBECONFIG names, trains the example by the documented command, compares the result
 * with a run on this machine, upgrades and uninstalls. It leaves nothing behind.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { at } from '@gapo/numeric';
import { messageOf } from '@gapo/rpc';
import { z } from '@gapo/service';
import { project } from '../platform.fixture.js';
import { checkEdges } from './edges.js';
import { helm, kubectl, kubectlShown, Missing, requirePrograms, say, tryKubectl } from './programs.js';
import {
  admitAll,
  createCertificates,
  createNamespace,
  inCli,
  install,
  release,
  remains,
  storageValues,
} from './release.js';

const settings = z
  .object({
    /** Steps of the run; 0 runs the example as it is. */
    STEPS: z.coerce.number().int().min(0).default(20),
    /** certManager uses the cluster's cert-manager; secrets makes an authority for the test. */
    TLS: z.enum(['secrets', 'certManager', 'insecure']).default('secrets'),
    /** Where the images are; empty: on the nodes. */
    REGISTRY: z.string().default(''),
    TAG: z.string().default(''),
    /** A values file in place of the chart's defaults. */
    VALUES: z.string().optional(),
    KEEP: z.string().optional(),
    /** Ends after the admission of the values files, which an API server without nodes can do. */
    ADMISSION: z.string().optional(),
  })
  .parse(Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== '')));

const namespace = `gapo-test-${process.pid}`;
const example = 'examples/assistant/run.yaml';

/** The example with fewer steps, and with absolute paths, since it does not lie beside its files. */
function shortened(directory: string): string {
  return readFileSync(join(project, example), 'utf8')
    .replace(/^steps: .*$/m, `steps: ${settings.STEPS}`)
    .replace(/: ((?:models|prompts)\/\S+)/g, `: ${directory}/$1`);
}

/**
 * Returns the SHA-256 of the adapter of a run on this machine.
 *
 * @throws Error where the run prints none
 */
function local(): string {
  const data = mkdtempSync(join(tmpdir(), 'gapo-cluster-local-'));
  try {
    let file = example;
    if (settings.STEPS > 0) {
      file = join(data, 'run.yaml');
      writeFileSync(file, shortened(join(project, 'examples/assistant')));
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

const runsSchema = z.array(z.object({ state: z.string(), versionSha256: z.string() }));

/**
 * Trains in the cluster, and returns the SHA-256 of its adapter.
 *
 * @throws Error where the run does not complete
 */
function train(): string {
  let file = '/project/run.yaml';
  if (settings.STEPS > 0) {
    file = '/tmp/run.yaml';
    const write = `require('node:fs').writeFileSync('${file}', Buffer.from(process.argv[1], 'base64'))`;
    const text = Buffer.from(shortened('/project')).toString('base64');
    kubectl('-n', namespace, 'exec', `deployment/${release}-cli`, '--', 'node', '--eval', write, text);
  }
  kubectlShown(...inCli(namespace, 'train', file, '--data', '/tmp', '--watch'));
  const run = at(runsSchema.parse(JSON.parse(kubectl(...inCli(namespace, 'runs', '--json')))), 0);
  if (run.state !== 'RUN_STATE_SUCCEEDED') throw new Error(`the run is ${run.state}`);
  return run.versionSha256;
}

function imageValues(): string[] {
  const registry = settings.REGISTRY === '' ? [] : ['--set', `image.registry=${settings.REGISTRY}`];
  return [...registry, ...(settings.TAG === '' ? [] : ['--set-string', `image.tag=${settings.TAG}`])];
}

/** Runs one part, and says how long it took. */
function step<T>(what: string, work: () => T): T {
  const start = performance.now();
  const result = work();
  say(`${((performance.now() - start) / 1000).toFixed(1).padStart(7)} s  ${what}`);
  return result;
}

/**
 * Installs, trains, compares, upgrades and uninstalls.
 *
 * @throws Error for the first thing that is wrong
 */
function check(): void {
  requirePrograms();
  createNamespace(namespace);
  step('every values file admitted by the API server', () => admitAll(namespace));
  if (settings.ADMISSION !== undefined) return;
  const storage = storageValues();
  const expected = step('the example on this machine', local);
  if (settings.TLS === 'secrets') createCertificates(namespace);
  const values = ['--set', `tls.mode=${settings.TLS}`, ...storage, ...imageValues()];
  if (settings.TLS === 'secrets') values.push('--set', 'tls.trustDomain=gapo');
  if (settings.VALUES !== undefined) values.push('--values', settings.VALUES);
  step('helm install, until everything is ready', () => install(namespace, 'install', ...values));
  step('helm test', () => helm('test', release, '--namespace', namespace));
  const found = step('the example in the cluster', train);
  if (found !== expected) throw new Error(`the adapter is ${found}, and that of this machine ${expected}`);
  say(`           adapter ${found}, as on this machine`);
  step('network policies', () => checkEdges(namespace));
  step('helm upgrade', () => install(namespace, 'upgrade', '--set', 'logLevel=debug'));
  step('helm test after the upgrade', () => helm('test', release, '--namespace', namespace));
  const runs = runsSchema.parse(JSON.parse(kubectl(...inCli(namespace, 'runs', '--json'))));
  if (runs.length !== 1) throw new Error(`after the upgrade there are ${runs.length} runs`);
  step('helm uninstall', () => {
    helm('uninstall', release, '--namespace', namespace, '--wait', '--timeout', '5m');
    kubectl('-n', namespace, 'wait', '--for=delete', 'pods', '--all', '--timeout=120s');
  });
  const left = remains(namespace);
  const claim = `persistentvolumeclaim/${release}-coordinator`;
  if (left.join() !== claim) throw new Error(`helm uninstall left ${left.join(', ') || 'no claim'}`);
  say('           helm uninstall left the claim of the runs, and nothing else');
}

function describeFailure(): void {
  const pods = tryKubectl('-n', namespace, 'get', 'pods,pvc', '--output', 'wide');
  const events = tryKubectl('-n', namespace, 'get', 'events', '--field-selector', 'type=Warning');
  say(`${pods.output}${events.output}`);
}

function deleteNamespace(): void {
  // Without a controller manager nothing finishes the deletion.
  const wait = settings.ADMISSION === undefined ? '--timeout=180s' : '--wait=false';
  tryKubectl('delete', 'namespace', namespace, '--ignore-not-found', wait);
}

try {
  check();
  say('passed');
} catch (error) {
  if (error instanceof Missing) say(`missing: ${error.message}`);
  else {
    say(`failed: ${messageOf(error)}`);
    describeFailure();
  }
  process.exitCode = error instanceof Missing ? 2 : 1;
} finally {
  if (settings.KEEP === undefined) deleteNamespace();
  else say(`the namespace ${namespace} is kept`);
}
