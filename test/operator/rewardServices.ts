/**
 * RewardServices on a real API server. It has no controllers and no nodes, so a test writes the status of Deployments and starts the single process
 * that runs refer to.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { codeOf } from '../documents.fixture.js';
import { runYaml } from '../platform.fixture.js';
import { RewardWorld } from './rewardWorld.js';
import { until, type World } from './world.js';

const rules = (target: number): object => ({ rules: { inline: { rules: [{ kind: 'length', target, scale: 10 }] } } });
const configOf = (lines: Record<string, string>): Record<string, unknown> =>
  parse(runYaml(lines)) as Record<string, unknown>;
const endless = {
  ...configOf({ steps: '100000', combine: '{ method: pgapo, preference: { short: 0.5, vowels: 0.5 } }' }),
};

/** Tests of RewardServices. @param worldOf returns the tests' world once it exists */
export function rewardServices(worldOf: () => World): void {
  let world: World;
  let rewards: RewardWorld;
  before(async () => {
    world = worldOf();
    rewards = new RewardWorld(world);
    if (!world.hasOperator) await world.startOperator('rewards');
  });
  after(() => rewards.remove());

  const runCondition = (name: string, type: string): string => {
    const found = world.read(name).status?.conditions?.find((condition) => condition.type === type);
    return found === undefined ? '' : `${found.status} ${found.reason}: ${found.message}`;
  };
  const pids = (): Record<string, number | undefined> =>
    Object.fromEntries([...world.platform.services].map(([name, { pid }]) => [name, pid]));

  test('an invalid resource is refused at admission, with the path of the field', () => {
    const image = { image: { reference: 'own:1' } };
    const endpoint = { address: 'judge.team.svc:50061' };
    const refused: [name: string, spec: object, path: string, why: string][] = [
      ['x', {}, 'spec', 'expected exactly one of rules, model, endpoint, image'],
      ['x', { ...rules(9), ...image }, 'spec', 'expected exactly one of rules, model, endpoint, image'],
      ['x', { image: { reference: 'own:1', port: 70000 } }, 'spec.image.port', 'less than or equal to 65535'],
      ['x', { image: { reference: 'own:1', port: 0 } }, 'spec.image.port', 'greater than or equal to 1'],
      ['x', { image: { port: 1 } }, 'spec.image.reference', 'Required value'],
      ['x', { endpoint: { address: 'judge' } }, 'spec.endpoint.address', 'should match'],
      ['x', { endpoint, replicas: 2 }, 'spec.replicas', 'not with endpoint'],
      ['x', { endpoint, objective: 'kind' }, 'spec.objective', 'only with rules or model'],
      ['x', { rules: {} }, 'spec.rules', 'expected exactly one of inline, configMap, path'],
      ['x', { rules: { inline: { rules: [] } } }, 'spec.rules.inline.rules', 'at least 1 items'],
      ['x', { rules: { inline: { rules: [{ kind: 'lenght' }] } } }, 'spec.rules.inline.rules[0].kind', 'supported values'],
      ['x', { rules: { inline: { rules: [{ kind: 'length', target: 3 }] } } }, 'spec.rules.inline.rules[0].scale', 'required with kind length'],
      ['x', { rules: { inline: { rules: [{ kind: 'json', target: 3 }] } } }, 'spec.rules.inline.rules[0].target', 'only with kind length'],
      ['x', { model: {} }, 'spec.model.path', 'Required value'],
      ['x', { model: { existingClaim: 'a', image: 'b' } }, 'spec.model', 'at most one of existingClaim, image, download'],
      ['x', { model: { download: { url: 'ftp://a/b' } } }, 'spec.model.download.url', 'should match'],
      ['x', { ...image, replicas: -1 }, 'spec.replicas', 'greater than or equal to 0'],
      ['x', { ...image, resources: { limits: { memory: 'much' } } }, 'spec.resources.limits.memory', 'should match'],
      ['x', { ...image, replica: 1 }, 'spec.replica', 'unknown field'],
      ['a.b', image, 'metadata.name', 'at most 22 lower-case letters'],
      ['a-name-that-is-longer-than-22', image, 'metadata.name', 'at most 22 lower-case letters'],
    ]; // prettier-ignore
    for (const [name, spec, path, why] of refused) {
      const { status, output } = rewards.apply(name, spec, '--dry-run=server');
      assert.notEqual(status, 0, path);
      assert.ok(output.includes(path) && output.includes(why), `${path}: ${output}`);
    }
  });

  test('a run that names a service and a RewardService for one objective is refused', () => {
    const objectives = [{ name: 'short', service: 'short', rewardService: 'short' }];
    const { output } = world.apply('invalid', { config: endless, objectives }, '--dry-run=server');
    assert.match(output, /spec\.objectives\[0\]\.rewardService: Forbidden: expected service or rewardService/);
    const { objectives: _, ...without } = endless;
    assert.match(
      world.apply('invalid', { config: without }, '--dry-run=server').output,
      /spec\.objectives: Required value: expected the objectives/,
    );
    const twice = [{ name: 'short' }, { name: 'short' }];
    assert.match(
      world.apply('invalid', { config: without, objectives: twice }, '--dry-run=server').output,
      /Duplicate value/,
    );
  });

  test('the manifests of the documentation are admitted', async () => {
    const blocks = (await codeOf('docs/kubernetes.md', 'RewardService')).filter(({ language }) => language === 'yaml');
    const objects = blocks.flatMap(({ code }) => parseAllDocuments(code).map((document) => document.toJS() as object));
    assert.ok(objects.length >= 4);
    for (const object of objects) {
      const { status, output } = world.applyObject(object, '--dry-run=server');
      assert.equal(status, 0, output);
    }
  });

  test('each kind becomes a Deployment and a Service, but for an endpoint', async () => {
    const kinds: [name: string, spec: object, kind: string][] = [
      ['brief', { ...rules(20), objective: 'brief' }, 'Rules'],
      ['judge', { model: { existingClaim: 'models', path: 'judge' }, replicas: 2 }, 'Model'],
      ['own', { image: { reference: 'registry.test/own:1', port: 9000, args: ['--fast'] } }, 'Image'],
      ['elsewhere', { endpoint: { address: 'judge.team.svc:50061' } }, 'Endpoint'],
    ];
    for (const [name, spec] of kinds) assert.equal(rewards.apply(name, spec).status, 0);
    for (const [name, , kind] of kinds) {
      const isEndpoint = kind === 'Endpoint';
      await rewards.condition(name, 'Available', isEndpoint ? 'True Endpoint' : 'False NoPodAvailable');
      const { metadata, status } = rewards.read(name);
      assert.deepEqual([status?.kind, status?.observedGeneration], [kind, metadata.generation]);
      const deployment = rewards.deployment(name);
      assert.deepEqual([deployment !== undefined, rewards.hasService(name)], [!isEndpoint, !isEndpoint]);
      if (deployment === undefined) continue;
      const [owner] = deployment.metadata.ownerReferences ?? [];
      assert.deepEqual(
        [owner?.kind, owner?.name, owner?.uid, owner?.controller],
        ['RewardService', name, metadata.uid, true],
      );
      // Its pods are admitted under the restricted standard.
      const { spec, metadata: of } = deployment.spec.template;
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name, ...of }, spec };
      const admitted = world.applyObject(pod, '--dry-run=server');
      assert.equal(admitted.status, 0, admitted.output);
    }
    const rows = world.kubectl('get', 'rewardservices').trim().split('\n').map((row) => row.split(/\s{2,}/)); // prettier-ignore
    assert.deepEqual(rows[0], ['NAME', 'KIND', 'READY', 'ADDRESS', 'AGE']);
    const row = (name: string) => rows.find(([first]) => first === name)?.slice(1, 4);
    assert.deepEqual(row('judge'), ['Model', '0/2', `127.0.0.1:${world.rewardPort}`]);
    assert.match(world.kubectl('get', 'rewardservice', 'elsewhere'), /elsewhere +Endpoint +judge\.team\.svc:50061/);
  });

  test('its status is that of the Deployment', async () => {
    await rewards.markReady('judge', 1);
    await rewards.condition('judge', 'Available', 'True PodsAvailable');
    await rewards.condition('judge', 'Ready', 'False Progressing');
    assert.equal(rewards.read('judge').status?.pods, '1/2');
    await rewards.markReady('judge');
    await rewards.condition('judge', 'Ready', 'True Deployed');
    world.kubectl('wait', '--for=condition=Ready', 'rewardservice/judge', '--timeout=30s');
    await rewards.markReady('judge', 0);
    await rewards.condition('judge', 'Available', 'False NoPodAvailable');
    const described = world.kubectl('describe', 'rewardservice', 'judge');
    for (const text of ['Available', 'Unavailable', 'Deployed']) assert.ok(described.includes(text), described);
  });

  test('what others change of its objects is undone, what they add stays', async () => {
    const image = () => rewards.deployment('own')?.spec.template.spec.containers[0]?.image;
    const patch = (what: object) => world.kubectl('patch', 'deployment', 'gapo-reward-own', '--type=strategic', '-p', JSON.stringify(what)); // prettier-ignore
    patch({ metadata: { labels: { 'example.org/team': 'ml' } }, spec: { template: { spec: { containers: [{ name: 'reward', image: 'other:2' }] } } } }); // prettier-ignore
    await until('the image is back', image, (found) => found === 'registry.test/own:1');
    assert.equal(rewards.deployment('own')?.metadata.labels['example.org/team'], 'ml');
    world.kubectl('delete', 'service', 'gapo-reward-own-headless');
    await until('the Service is back', () => rewards.hasService('own'), Boolean);
    world.kubectl('delete', 'deployment', 'gapo-reward-own');
    await until('the Deployment is back', image, (found) => found === 'registry.test/own:1');
  });

  test('a changed spec rolls the pods; kubectl scale sets the spec', async () => {
    const rulesOf = () => rewards.deployment('brief')?.spec.template.metadata.annotations?.['gapo.dev/rules'] ?? '';
    await rewards.markReady('brief');
    await rewards.condition('brief', 'Ready', 'True Deployed');
    assert.equal(rewards.apply('brief', { ...rules(31), objective: 'brief' }).status, 0);
    await until('other rules', rulesOf, (text) => text.includes('target: 31'));
    // The old pods serve until the new ones are ready.
    await rewards.condition('brief', 'Ready', 'False Progressing');
    await rewards.condition('brief', 'Available', 'True PodsAvailable');
    world.kubectl('scale', 'rewardservice', 'brief', '--replicas=3');
    await until('three', () => rewards.deployment('brief')?.spec.replicas, (count) => count === 3); // prettier-ignore
    await rewards.markReady('brief');
    await rewards.condition('brief', 'Ready', 'True Deployed');
    assert.equal(rewards.read('brief').status?.pods, '3/3');
  });

  test('a service that becomes an endpoint no longer has objects', async () => {
    world.kubectl('patch', 'rewardservice', 'own', '--type=merge', '-p', '{"spec":{"image":null,"endpoint":{"address":"own.team.svc:9000"}}}'); // prettier-ignore
    await rewards.condition('own', 'Ready', 'True Endpoint');
    await until('no objects', () => rewards.deployment('own') === undefined && !rewards.hasService('own'), Boolean);
    assert.equal(rewards.read('own').status?.address, 'own.team.svc:9000');
  });

  test('objects of others are left alone, and what the API server refuses is reported', async () => {
    const labels = { app: 'other' };
    const spec = { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [{ name: 'a', image: 'a:1' }] } } }; // prettier-ignore
    world.applyObject({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'gapo-reward-taken' }, spec });
    rewards.apply('taken', rules(5));
    const message = await rewards.condition('taken', 'Ready', 'False NameTaken');
    assert.match(message, /Deployment gapo-reward-taken exists/);
    assert.equal(rewards.deployment('taken')?.spec.template.spec.containers[0]?.image, 'a:1');
    world.kubectl('delete', 'deployment', 'gapo-reward-taken');
    await rewards.condition('taken', 'Ready', 'False Progressing');

    rewards.apply('refused', { ...rules(5), nodeSelector: { pool: 'not a label' } });
    const refused = await rewards.condition('refused', 'Ready', 'False NotApplied');
    assert.match(refused, /spec\.template\.spec\.nodeSelector/);
    rewards.apply('refused', rules(5));
    await rewards.condition('refused', 'Ready', 'False Progressing');
  });

  test('a run that names a RewardService which is not there waits for it, and says so', async () => {
    const { objectives: _, ...config } = endless;
    const spec = {
      config: { ...config, steps: 4, combine: { method: 'gapo', p: 1 } },
      objectives: [{ name: 'short' }, { name: 'concise', rewardService: 'concise' }],
    };
    assert.equal(world.apply('waiting', spec).status, 0);
    const missing = await until('waits', () => runCondition('waiting', 'RewardServicesReady'), (text) => text.startsWith('False RewardServiceNotFound')); // prettier-ignore
    assert.match(missing, /no RewardService concise in namespace/);
    const { phase, message } = world.read('waiting').status ?? {};
    assert.equal(phase, 'Pending');
    assert.match(message ?? '', /RewardService concise/);

    assert.equal(rewards.apply('concise', rules(12)).status, 0);
    await until('not ready', () => runCondition('waiting', 'RewardServicesReady'), (text) => text.startsWith('False RewardServiceNotReady')); // prettier-ignore
    await rewards.startProcess('concise');
    await rewards.markReady('concise');
    world.kubectl('wait', '--for=condition=Complete', '--timeout=120s', 'trainingrun/waiting');
    const { objectives = [] } = world.read('waiting').status ?? {};
    assert.deepEqual(objectives.map(({ name, reward }) => [name, typeof reward]), [['short', 'number'], ['concise', 'number']]); // prettier-ignore
    assert.match(runCondition('waiting', 'ObjectivesApplied'), /^True/);
  });

  test('a reward is added to a run in progress by two commands, and nothing is restarted', async () => {
    world.apply('living', { config: endless });
    await world.status('living', 'running', ({ phase, step = 0 }) => phase === 'Running' && step > 1);
    // The service that scores as concise already exists; a new one adds another pod.
    world.kubectl('delete', 'rewardservice', 'concise', '--wait');
    world.kubectl('delete', 'deployment,service', '--selector', 'gapo.dev/reward-service=concise');
    const before = { pids: pids(), run: world.read('living').status };
    const startedMs = performance.now();

    assert.equal(rewards.apply('concise', rules(12)).status, 0);
    const objectives = [{ name: 'short' }, { name: 'vowels' }, { name: 'concise', rewardService: 'concise' }];
    const preference = { short: 0.4, vowels: 0.3, concise: 0.3 };
    assert.equal(world.patch('living', { spec: { objectives, preference } }).status, 0);
    await until('waits', () => runCondition('living', 'ObjectivesApplied'), (text) => text.startsWith('False RewardService')); // prettier-ignore
    assert.equal(world.read('living').status?.phase, 'Running');
    await rewards.markReady('concise');
    const { status } = await world.status('living', 'concise is scored', ({ objectives: found = [] }) =>
      found.some(({ name, reward }) => name === 'concise' && reward !== undefined),
    );
    const seconds = (performance.now() - startedMs) / 1000;
    console.log(`from kubectl apply of the RewardService to a step with its reward: ${seconds.toFixed(1)} s`);
    assert.deepEqual(pids(), before.pids);
    assert.equal(status?.runId, before.run?.runId);
    assert.ok((status?.step ?? 0) > (before.run?.step ?? 0));
    assert.deepEqual(status?.preference, preference);
    assert.match(runCondition('living', 'RewardServicesReady'), /^True Available: .*concise/);
    assert.match(runCondition('living', 'ObjectivesApplied'), /^True Applied/);
    const { lines } = await world.training.GetAudit({ runId: status?.runId ?? '' }, { deadlineMs: 15_000 });
    const actions = lines.map((line) => (JSON.parse(line) as { action: string }).action);
    assert.equal(actions.filter((action) => action === 'created').length, 1);
  });

  test('another operator knows what the run has, and asks for nothing', async () => {
    const audit = async () => {
      const { lines } = await world.training.GetAudit({ runId: world.read('living').status?.runId ?? '' }, { deadlineMs: 15_000 }); // prettier-ignore
      return lines.length;
    };
    const before = await audit();
    const { step = 0 } = world.read('living').status ?? {};
    const leader = world.leader();
    await world.startOperator('successor');
    await world.stop(leader, 'SIGKILL');
    await until('it leads', () => world.leader(), (name) => name === 'successor'); // prettier-ignore
    await world.status('living', 'is followed', (status) => (status.step ?? 0) > step + 20);
    assert.equal(await audit(), before);
    assert.match(runCondition('living', 'ObjectivesApplied'), /^True Applied/);
  });

  test('a RewardService that is removed while a run has it is reported', async () => {
    world.kubectl('delete', 'rewardservice', 'concise', '--wait');
    const gone = await until('said', () => runCondition('living', 'RewardServicesReady'), (text) => text.startsWith('False')); // prettier-ignore
    assert.match(gone, /RewardServiceNotFound: there is no RewardService concise/);
    assert.match(runCondition('living', 'ObjectivesApplied'), /^True Applied/);
    world.kubectl('delete', 'deployment,service', '--selector', 'gapo.dev/reward-service=concise');
    assert.equal(rewards.apply('concise', rules(12)).status, 0);
    await rewards.markReady('concise');
    await until('back', () => runCondition('living', 'RewardServicesReady'), (text) => text.startsWith('True')); // prettier-ignore
  });

  test('removing it from the spec removes it from the run', async () => {
    const patch = { objectives: [{ name: 'short' }, { name: 'vowels' }], preference: { short: 0.5, vowels: 0.5, concise: null } }; // prettier-ignore
    assert.equal(world.patch('living', { spec: patch }).status, 0);
    const { status } = await world.status('living', 'without', ({ objectives = [] }) => objectives.length === 2);
    assert.equal(runCondition('living', 'RewardServicesReady'), '');
    await world.status('living', 'goes further', ({ phase, step = 0 }) => phase === 'Running' && step > (status?.step ?? 0)); // prettier-ignore
  });

  test('objectives that the coordinator refuses are reported, and the run trains with those that it has', async () => {
    const objectives = [{ name: 'short' }, { name: 'vowels' }, { name: 'third', rewardService: 'concise' }];
    const preference = { short: 1, vowels: 1, third: 1 };
    world.patch('living', { spec: { objectives, preference } });
    const text = await until('refused', () => runCondition('living', 'ObjectivesApplied'), (found) => found.startsWith('False')); // prettier-ignore
    assert.match(text, /concise/);
    assert.equal(world.read('living').status?.phase, 'Running');
    world.patch('living', { spec: { objectives: null, preference: null } });
    await until(
      'left alone',
      () => runCondition('living', 'ObjectivesApplied'),
      (found) => found === '',
    );
    world.kubectl('delete', 'trainingrun', 'living', '--timeout=120s');
  });
}
