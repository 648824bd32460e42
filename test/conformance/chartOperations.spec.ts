/** How the Helm chart's pods start, end, scale and keep their data. Needs helm, like chart.spec.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environmentOf, helm, render, workloads, type Container, type KubernetesObject } from './rendered.js';

const skip = helm === undefined ? 'helm is not available: install Go and run `make test-tools`' : false;

function find(objects: readonly KubernetesObject[], kind: string, name: string): KubernetesObject {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  assert.ok(found !== undefined, `no ${kind} ${name}`);
  return found;
}

const podOf = (objects: readonly KubernetesObject[], name: string, kind = 'Deployment') => {
  const pod = find(objects, kind, name).spec?.template?.spec;
  assert.ok(pod !== undefined);
  return pod;
};

/** Seconds for which CoreDNS, and so a client of a headless Service, keeps the address of a terminated pod. */
const dnsCacheSeconds = 30;

test('a pod that is called by its own address serves until no cache of the name server has it', { skip }, () => {
  for (const { object, pod } of workloads(render('default'))) {
    const sleep = pod.containers[0]?.lifecycle?.preStop?.sleep?.seconds ?? 0;
    if (/-(rollout|gradient|reward-.*)$/.test(object.metadata.name)) {
      assert.ok(sleep > dnsCacheSeconds, object.metadata.name);
      assert.ok(pod.terminationGracePeriodSeconds >= sleep + 20, 'calls in progress have their time after it');
    }
  }
  const rules = podOf(render('everything'), 'aligner-reward-rules');
  assert.equal(rules.containers[0]?.lifecycle, undefined);
  assert.equal(rules.terminationGracePeriodSeconds, 30);
});

test('a component with a single pod is called by an address that outlives the pod', { skip }, () => {
  const objects = render('default');
  for (const { pod } of workloads(objects)) {
    const variables = Object.values(environmentOf(pod.containers[0]));
    assert.deepEqual(variables.filter((value) => /(coordinator|nats)-headless/.test(value)), []); // prettier-ignore
  }
  for (const [name, port] of Object.entries({ 'gapo-coordinator': 50050, 'gapo-nats': 4222 })) {
    const { spec } = find(objects, 'Service', name);
    assert.equal(spec?.clusterIP, undefined, name);
    assert.deepEqual(spec?.ports?.map((entry) => entry.port), [port]); // prettier-ignore
  }
  const other = environmentOf(podOf(render('default', 'coordinator.service.port=443'), 'gapo-rollout').containers[0]);
  assert.equal(other['COORDINATOR'], 'gapo-coordinator:443');
});

test('the default requests fit a node with two CPUs, and leave room to replace a pod', { skip }, () => {
  const cpu = (container: Container | undefined): number => {
    const text = container?.resources?.requests?.['cpu'];
    assert.ok(text !== undefined, 'every container says what it needs');
    return text.endsWith('m') ? Number(text.slice(0, -1)) / 1000 : Number(text);
  };
  for (const values of ['default', 'laptop']) {
    const all = workloads(render(values)).map(({ pod }) => cpu(pod.containers[0]));
    const sum = all.reduce((total, each) => total + each, 0);
    assert.ok(sum + Math.max(...all) < 1.5, `${values}: ${sum} CPUs`);
  }
});

test('pods that an autoscaler scales have no number of replicas', { skip }, () => {
  const replicas = (objects: KubernetesObject[], name: string) => find(objects, 'Deployment', name).spec?.replicas;
  assert.equal(replicas(render('default'), 'gapo-rollout'), 1);
  assert.equal(replicas(render('default', 'rollout.replicas=null'), 'gapo-rollout'), undefined);
  const everything = render('everything');
  assert.equal(replicas(everything, 'aligner-rollout'), undefined);
  assert.equal(replicas(everything, 'aligner-reward-rules'), 2);
  assert.deepEqual(find(everything, 'ScaledObject', 'aligner-rollout').spec?.scaleTargetRef?.name, 'aligner-rollout');
  assert.equal(find(everything, 'HorizontalPodAutoscaler', 'aligner-gradient').spec?.minReplicas, 2);
  assert.ok(find(render('production'), 'HorizontalPodAutoscaler', 'gapo-reward-helpful'));
});

test('the coordinator is replaced, not doubled, and its claim outlives the release', { skip }, () => {
  const objects = render('default');
  const { spec } = find(objects, 'Deployment', 'gapo-coordinator');
  assert.deepEqual([spec?.replicas, spec?.strategy], [1, { type: 'Recreate' }]);
  const claim = find(objects, 'PersistentVolumeClaim', 'gapo-coordinator');
  assert.equal(claim.metadata.annotations?.['helm.sh/resource-policy'], 'keep');
  assert.deepEqual(claim.spec?.accessModes, ['ReadWriteOnce']);
  assert.ok(
    !render('everything').some(({ kind }) => kind === 'PersistentVolumeClaim'),
    'existingClaim is used as it is',
  );
  const volume = podOf(render('everything'), 'aligner-coordinator').volumes.find(({ name }) => name === 'data');
  assert.deepEqual(volume?.['persistentVolumeClaim'], { claimName: 'runs' });
  const laptop = find(render('laptop'), 'PersistentVolumeClaim', 'gapo-coordinator');
  assert.equal(laptop.metadata.annotations, undefined);
});

test('events need no other installation, and a server of its own is used where one is named', { skip }, () => {
  const url = (objects: KubernetesObject[], name: string) =>
    environmentOf(podOf(objects, name).containers[0])['NATS_URL'];
  const own = render('default');
  for (const name of ['gapo-coordinator', 'gapo-gateway']) {
    assert.equal(url(own, name), 'nats://gapo-nats:4222');
  }
  const server = find(own, 'StatefulSet', 'gapo-nats');
  assert.deepEqual(server.spec?.volumeClaimTemplates?.map(({ metadata }) => metadata.name), ['data']); // prettier-ignore
  assert.match(find(own, 'ConfigMap', 'gapo-nats').data?.['nats.conf'] ?? '', /jetstream \{\n\s+store_dir: \/data/);

  const tls = render('openshift');
  const coordinator = environmentOf(podOf(tls, 'gapo-coordinator').containers[0]);
  assert.equal(coordinator['NATS_URL'], 'tls://gapo-nats:4222');
  assert.equal(coordinator['NATS_CA'], coordinator['TLS_CA_FILE']);
  assert.match(find(tls, 'ConfigMap', 'gapo-nats').data?.['nats.conf'] ?? '', /verify: true/);
  assert.ok(find(tls, 'Certificate', 'gapo-nats-tls').spec?.dnsNames?.includes('gapo-nats'));

  const none = (objects: KubernetesObject[]) => !objects.some(({ metadata }) => metadata.name.endsWith('-nats'));
  assert.ok(none(render('production')) && none(render('everything')));
  assert.equal(url(render('production'), 'gapo-gateway'), 'tls://nats.messaging:4222');
  const container = podOf(render('everything'), 'aligner-gateway').containers[0];
  const variable = container?.env?.find(({ name }) => name === 'NATS_URL');
  assert.deepEqual(variable?.valueFrom, { secretKeyRef: { name: 'nats', key: 'url' } });
  const without = render('default', 'nats.server.enabled=false');
  assert.ok(none(without));
  assert.equal(url(without, 'gapo-gateway'), undefined);
});

test('projects and models come from a claim, an image or a download', { skip }, () => {
  const claim = podOf(render('production'), 'gapo-rollout');
  const volume = (name: string) => claim.volumes.find((entry) => entry.name === name);
  assert.deepEqual(volume('project')?.['persistentVolumeClaim'], { claimName: 'alignment-models', readOnly: true });
  assert.ok('image' in (volume('model-llama') ?? {}));
  const coordinator = environmentOf(podOf(render('production'), 'gapo-coordinator').containers[0]);
  assert.equal(coordinator['PROJECT_DIRS'], '/srv/project,/models/llama');

  const downloads = podOf(render('everything'), 'aligner-gradient').initContainers ?? [];
  assert.deepEqual(downloads.map(({ name }) => name), ['download-project']); // prettier-ignore
  assert.equal(environmentOf(downloads[0])['DOWNLOAD_URL'], 'https://models.example.org/project.tar.gz');
  const mirrored = podOf(render('air-gapped'), 'gapo-gradient');
  assert.equal(mirrored.initContainers?.[0]?.image, 'mirror.internal:5000/amazon/aws-cli:2.22.12');
  assert.deepEqual(mirrored.initContainers?.[0]?.command?.slice(0, 3), ['aws', 's3', 'sync']);
  const gateway = podOf(render('everything'), 'aligner-gateway');
  assert.equal(gateway.initContainers, undefined);
});

test('one registry serves every image', { skip }, () => {
  const objects = render(
    'default',
    'global.imageRegistry="mirror.internal:5000"',
    'nats.server.image="docker.io/library/nats:2"',
  );
  const images = workloads(objects).flatMap(({ pod }) => [
    ...pod.containers.map(({ image }) => image),
    ...pod.volumes.flatMap((volume) =>
      'image' in volume ? [(volume['image'] as { reference: string }).reference] : [],
    ),
  ]);
  for (const image of images) assert.match(image, /^mirror[.]internal:5000\/[^:]+:[^:]+$/);
  assert.ok(images.includes('mirror.internal:5000/library/nats:2'));
});

test("a variable of the values replaces the chart's, and no name appears twice", { skip }, () => {
  const { env = [] } = podOf(render('everything'), 'aligner-coordinator').containers[0] ?? {};
  assert.deepEqual(env.filter(({ name }) => name === 'LOG_LEVEL'), [{ name: 'LOG_LEVEL', value: 'debug' }]); // prettier-ignore
  assert.deepEqual(env.slice(-1), [{ name: 'WORKER_LEASE_SECONDS', value: '20' }]);
});

test('a GPU worker asks for its device, and is replaced without a spare one', { skip }, () => {
  for (const name of ['gapo-rollout', 'gapo-gradient']) {
    const pod = podOf(render('gpu-node'), name);
    assert.equal(pod.containers[0]?.resources?.limits?.['nvidia.com/gpu'], 1);
    assert.match(pod.containers[0]?.image ?? '', /-cuda:/);
    assert.equal(pod.runtimeClassName, 'nvidia');
    const strategy = find(render('gpu-node'), 'Deployment', name).spec?.strategy;
    assert.deepEqual(strategy, { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } });
  }
});

test('the command line acts under a name, although its user has no login name', { skip }, () => {
  assert.equal(environmentOf(podOf(render('default'), 'gapo-cli').containers[0])['GAPO_AUTHOR'], 'gapo-cli');
  const env = environmentOf(podOf(render('everything'), 'aligner-cli').containers[0]);
  assert.deepEqual([env['GAPO_AUTHOR'], env['GAPO_TOKEN_FILE']], ['ada', '/run/secrets/gapo/token']);
});
