/** The operator in the chart: off by default, with only the rights it needs, and with settings that it knows. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { parse } from 'yaml';
import { environmentOf, helm, render, workloads, type KubernetesObject } from './rendered.js';
import { projectRoot } from './services.js';

const skip = helm === undefined && 'needs helm: make test-tools';

interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
  resourceNames?: string[];
}

type Role = KubernetesObject & { rules: Rule[] };

const rights = (objects: readonly KubernetesObject[], kind: string): string[] =>
  (objects as Role[])
    .filter((object) => object.kind === kind)
    .flatMap(({ rules }) => rules)
    .map(({ resources, verbs, resourceNames = [] }) => [...resources, ...resourceNames, ...verbs].join(' '));

test('without operator.enabled nothing is added', { skip }, () => {
  const objects = render('default');
  assert.deepEqual(
    objects.filter(({ kind, metadata }) => /Role|CustomResource/.test(kind) || metadata.name.includes('operator')),
    [],
  );
});

test(
  'with it: the definition outlives the release, the account may do what it does, the pod knows its settings',
  { skip },
  () => {
    const objects = render(
      'default',
      'operator.enabled=true',
      'operator.replicas=2',
      'operator.labelSelector="team=a"',
    );
    const definitions = objects.filter(({ kind }) => kind === 'CustomResourceDefinition');
    assert.deepEqual(definitions.map(({ metadata }) => metadata.name), ['trainingruns.gapo.dev', 'rewardservices.gapo.dev']); // prettier-ignore
    // Administrators apply the whole folder, so nothing else may be in it.
    const folder = join(projectRoot, 'deploy/helm/gapo/resources');
    assert.deepEqual(readdirSync(folder).sort(), definitions.map(({ metadata }) => `${metadata.name}.yaml`).sort());
    for (const { metadata, spec } of definitions) {
      assert.equal(metadata.annotations?.['helm.sh/resource-policy'], 'keep');
      const file = join(folder, `${metadata.name}.yaml`);
      assert.deepEqual(spec, (parse(readFileSync(file, 'utf8')) as KubernetesObject).spec);
    }
    assert.deepEqual(rights(objects, 'Role'), [
      'trainingruns get list watch patch',
      'trainingruns/status update',
      'events create',
      'rewardservices get list watch',
      'rewardservices/status rewardservices/finalizers update',
      'deployments get list watch create patch delete',
      'services get list watch create patch delete',
      'events create',
      'leases create',
      'leases gapo-operator get update',
    ]);
    assert.deepEqual(rights(objects, 'ClusterRole'), []);

    const pods = workloads(objects);
    const { pod, object } = pods.find(({ object: { metadata } }) => metadata.name === 'gapo-operator') ?? assert.fail();
    assert.deepEqual([pod.serviceAccountName, pod.automountServiceAccountToken, object.spec?.replicas], ['gapo-operator', true, 2]); // prettier-ignore
    const others = pods.filter((other) => other.object !== object);
    assert.ok(
      others.every((other) => !other.pod.automountServiceAccountToken && other.pod.serviceAccountName === 'gapo'),
    );

    const [container] = pod.containers;
    const [program = '', ...args] = container?.command ?? [];
    const help = execFileSync(program, [...args, '--help'], { cwd: projectRoot, encoding: 'utf8' });
    const common = ['LOG_LEVEL', 'OTEL_EXPORTER_OTLP_ENDPOINT'];
    for (const name of Object.keys(environmentOf(container))) {
      assert.ok(common.includes(name) || new RegExp(`^ {2}${name}\\b`, 'm').test(help), name);
    }
  },
);

test('the rights are those of the cluster where it follows every namespace', { skip }, () => {
  const objects = render('default', 'operator.enabled=true', 'operator.allNamespaces=true', 'operator.crd=false');
  assert.deepEqual(rights(objects, 'ClusterRole'), ['trainingruns get list watch patch', 'trainingruns/status update', 'events create']); // prettier-ignore
  const operator = workloads(objects).find(({ object: { metadata } }) => metadata.name === 'gapo-operator');
  assert.ok(!('NAMESPACE' in environmentOf(operator?.pod.containers[0])));
  assert.ok(!objects.some(({ kind }) => kind === 'CustomResourceDefinition'));
});

interface Templates {
  address: string;
  hosted: { service: KubernetesObject; deployment: KubernetesObject };
  image: { deployment: KubernetesObject };
}

const templatesIn = (objects: readonly KubernetesObject[]): string | undefined =>
  objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'gapo-operator-rewards')?.data?.[
    'rewards.yaml'
  ];

test(
  'a RewardService gets what an entry of rewards gets, but for the certificate that all of them share',
  { skip },
  () => {
    const objects = render(
      'default',
      'operator.enabled=true',
      'tls.mode="certManager"',
      'rewards=[{"name":"own","kind":"rules","rules":"own.yaml"},{"name":"theirs","kind":"custom","image":"theirs:1"}]',
    );
    const text = templatesIn(objects) ?? assert.fail('no templates');
    const filled = (name: string): Templates =>
    parse(text.replaceAll('__name__', name).replaceAll('__objective__', name).replaceAll('__image__', `${name}:1`)) as Templates; // prettier-ignore
    const own = (kind: string, name: string): KubernetesObject =>
      structuredClone(
        objects.find((object) => object.kind === kind && object.metadata.name === name) ?? assert.fail(name),
      );
    const withoutSource = (deployment: KubernetesObject): object => {
      const pod = deployment.spec?.template?.spec ?? assert.fail();
      pod.volumes = pod.volumes.filter(({ name }) => name !== 'tls');
      const [container = assert.fail()] = pod.containers;
      container.env = (container.env ?? []).filter(({ name }) => name !== 'REWARD_RULES');
      return deployment;
    };
    const { hosted } = filled('own');
    assert.deepEqual(hosted.service, own('Service', 'gapo-reward-own-headless'));
    assert.deepEqual(hosted.deployment.spec?.template?.spec.volumes.find(({ name }) => name === 'tls')?.['secret'], {
      secretName: 'gapo-reward-services-tls',
      defaultMode: 288,
    });
    assert.deepEqual(withoutSource(hosted.deployment), withoutSource(own('Deployment', 'gapo-reward-own')));
    assert.deepEqual(
      withoutSource(filled('theirs').image.deployment),
      withoutSource(own('Deployment', 'gapo-reward-theirs')),
    );
    assert.deepEqual(own('Certificate', 'gapo-reward-services-tls').spec?.uris, [
      'spiffe://gapo.default/reward/services',
    ]);
  },
);

test('the coordinator may call RewardServices, of any port, and nobody else may', { skip }, () => {
  const objects = render('default', 'operator.enabled=true');
  const of = (kind: string, name: string): KubernetesObject['spec'] =>
    objects.find((object) => object.kind === kind && object.metadata.name === name)?.spec ?? assert.fail(name);
  const coordinator = workloads(objects).find(({ object }) => object.metadata.name === 'gapo-coordinator');
  assert.equal(environmentOf(coordinator?.pod.containers[0])['REWARD_ALLOW'], '*.default.svc:*');
  const reward = { 'app.kubernetes.io/name': 'gapo', 'app.kubernetes.io/instance': 'gapo', 'gapo.dev/kind': 'reward' };
  const out = of('NetworkPolicy', 'gapo-coordinator')?.egress ?? [];
  assert.ok(
    out.some(({ to, ports }) => {
      const [peer] = to ?? [];
      const isAnyPort = ports?.length === 1 && ports[0]?.port === undefined;
      return isAnyPort && isDeepStrictEqual(peer?.podSelector?.matchLabels, reward);
    }),
  );
  const policy = of('NetworkPolicy', 'gapo-reward-services');
  assert.deepEqual(policy?.podSelector, {
    matchLabels: reward,
    matchExpressions: [{ key: 'gapo.dev/reward-service', operator: 'Exists' }],
  });
  const callers = policy.ingress?.flatMap(({ from = [] }) => from.map((peer) => peer.podSelector?.matchLabels['app.kubernetes.io/component'])); // prettier-ignore
  assert.deepEqual(callers, ['coordinator']);
});

test('without operator.rewardServices there are no objects for them', { skip }, () => {
  const objects = render('default', 'operator.enabled=true', 'operator.rewardServices=false');
  assert.equal(templatesIn(objects), undefined);
  assert.ok(!JSON.stringify(objects).includes('reward-services'));
  const definitions = objects.filter(({ kind }) => kind === 'CustomResourceDefinition');
  assert.deepEqual(definitions.map(({ metadata }) => metadata.name), ['trainingruns.gapo.dev']); // prettier-ignore
  assert.ok(!rights(objects, 'Role').some((right) => right.startsWith('deployments')));
});
