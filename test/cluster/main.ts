/**
 * make test-cluster: installs the chart in the cluster given by KUBECONFIG, trains the example with the documented command, compares the result
 * with a run on this machine, upgrades and uninstalls. It leaves nothing behind.
 */
import { messageOf } from '@gapo/rpc';
import { say } from '../processes/program.js';
import { trainDisturbed } from './disturbed.js';
import { checkEdges } from './edges.js';
import { helm, kubectl, Missing, requirePrograms, tryKubectl } from './programs.js';
import {
  admitAll,
  createCertificates,
  createNamespace,
  imageValues,
  install,
  release,
  remains,
  storageValues,
} from './release.js';
import { checkResources, presentDefinitions, removeDefinitions } from './resources.js';
import { settings } from './settings.js';
import { runsOf, succeeded, train, trainHere } from './training.js';

const namespace = `gapo-test-${process.pid}`;
let definitions: readonly string[] = [];

/** Runs one part and reports how long it took. */
function step<T>(what: string, work: () => T): T {
  const start = performance.now();
  const result = work();
  say(`${((performance.now() - start) / 1000).toFixed(1).padStart(7)} s  ${what}`);
  return result;
}

/**
 * Installs, trains, compares, upgrades and uninstalls.
 *
 * @throws Error for the first failure
 */
async function check(): Promise<void> {
  requirePrograms();
  definitions = presentDefinitions();
  createNamespace(namespace);
  step('every values file admitted by the API server', () => admitAll(namespace));
  if (settings.ADMISSION !== undefined) return;
  const storage = storageValues();
  const expected = step('the example on this machine', trainHere);
  if (settings.TLS === 'secrets') createCertificates(namespace);
  const values = ['--set', `tls.mode=${settings.TLS}`, ...storage, ...imageValues()];
  if (settings.TLS === 'secrets') values.push('--set', 'tls.trustDomain=gapo');
  if (settings.VALUES !== undefined) values.push('--values', settings.VALUES);
  step('helm install, until everything is ready', () => install(namespace, 'install', ...values));
  step('helm test', () => helm('test', release, '--namespace', namespace));
  const id = 'undisturbed';
  step('the example in the cluster', () => train(namespace, id));
  const found = succeeded(namespace, id);
  if (found !== expected) throw new Error(`the adapter is ${found}, and that of this machine ${expected}`);
  say(`           adapter ${found}, as on this machine`);
  step('network policies', () => checkEdges(namespace));
  await checkResources(namespace, expected);
  if (settings.FAULTS !== undefined) await trainDisturbed(settings.FAULTS, id, { namespace, expected });
  const runs = runsOf(namespace).length;
  step('helm upgrade', () => install(namespace, 'upgrade', '--set', 'logLevel=debug'));
  step('helm test after the upgrade', () => helm('test', release, '--namespace', namespace));
  const after = runsOf(namespace).length;
  if (after !== runs) throw new Error(`after the upgrade there are ${after} runs, before ${runs}`);
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
  // Without a controller manager, nothing completes the deletion.
  const wait = settings.ADMISSION === undefined ? '--timeout=180s' : '--wait=false';
  tryKubectl('delete', 'namespace', namespace, '--ignore-not-found', wait);
}

try {
  await check();
  say('passed');
} catch (error) {
  if (error instanceof Missing) say(`missing: ${error.message}`);
  else {
    say(`failed: ${messageOf(error)}`);
    describeFailure();
  }
  process.exitCode = error instanceof Missing ? 2 : 1;
} finally {
  if (settings.KEEP === undefined) {
    removeDefinitions(definitions);
    deleteNamespace();
  } else say(`the namespace ${namespace} is kept`);
}
