/** The Deployment and the Service of a RewardService, by source. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AppliedObject } from '../kubernetes/ownedObjects.js';
import type { RewardServiceSpec } from '../resource/rewardService.js';
import { addressOf, objectsOf } from './objects.js';
import { rewardOf, templates } from './rewards.fixture.js';

interface Pod {
  metadata: { labels: Record<string, string>; annotations: Record<string, string> };
  spec: {
    nodeSelector: object;
    securityContext: { runAsUser: number };
    initContainers: { env: { name: string; value: string }[]; envFrom?: object[]; command: string[] }[];
    containers: {
      image: string;
      command?: string[];
      args?: string[];
      env: { name: string; value?: string }[];
      ports: { containerPort: number }[];
      readinessProbe: { grpc: { port: number } };
      resources: object;
      volumeMounts: { name: string; mountPath: string }[];
    }[];
    volumes: ({ name: string } & Record<string, unknown>)[];
  };
}

const rules = { inline: { rules: [{ kind: 'length', target: 20, scale: 10 }] } };

function madeOf(spec: RewardServiceSpec): {
  service: AppliedObject;
  deployment: AppliedObject;
  pod: Pod;
  env: Record<string, string>;
} {
  const [service = assert.fail(), deployment = assert.fail()] = objectsOf(rewardOf(spec), templates);
  const pod = (deployment.spec as { template: Pod }).template;
  const env = Object.fromEntries((pod.spec.containers[0]?.env ?? []).map(({ name, value = '' }) => [name, value]));
  return { service, deployment, pod, env };
}

const volumeOf = (pod: Pod, name: string) => pod.spec.volumes.find((volume) => volume.name === name);

describe('objects of a RewardService', () => {
  test('they are named after it, belong to it, and keep what the release gives every reward', () => {
    const { service, deployment, pod } = madeOf({ rules });
    assert.deepEqual([service.kind, service.metadata.name], ['Service', 'gapo-reward-concise-headless']);
    assert.deepEqual([deployment.kind, deployment.metadata.name], ['Deployment', 'gapo-reward-concise']);
    for (const { metadata } of [service, deployment]) {
      assert.deepEqual(metadata['ownerReferences'], [
        { apiVersion: 'gapo.dev/v1alpha1', kind: 'RewardService', name: 'concise', uid: 'uid-concise', controller: true, blockOwnerDeletion: true },
      ]); // prettier-ignore
      assert.deepEqual(metadata['labels'], {
        'app.kubernetes.io/component': 'reward-concise',
        'app.kubernetes.io/managed-by': 'gapo-operator',
        'gapo.dev/reward-service': 'concise',
      });
    }
    assert.equal(pod.metadata.labels['gapo.dev/kind'], 'reward');
    assert.equal(pod.metadata.labels['gapo.dev/outside'], undefined);
    assert.deepEqual(deployment.spec['selector'], { matchLabels: { 'app.kubernetes.io/component': 'reward-concise' } });
    assert.equal(deployment.spec['replicas'], 1);
  });

  test('rules of the spec are an annotation that the pod sees as a file, so that other rules are other pods', () => {
    const { pod, env } = madeOf({ rules, objective: 'brief', text: 'raw' });
    assert.deepEqual(env, {
      OBJECTIVE: 'brief',
      REWARD_KIND: 'rules',
      LOG_LEVEL: 'info',
      REWARD_TEXT: 'raw',
      REWARD_RULES: '/etc/gapo/reward/rules.yaml',
    });
    assert.match(pod.metadata.annotations['gapo.dev/rules'] ?? '', /^objective: brief\nrules:\n/);
    const item = { path: 'rules.yaml', fieldRef: { apiVersion: 'v1', fieldPath: "metadata.annotations['gapo.dev/rules']" } }; // prettier-ignore
    assert.deepEqual(volumeOf(pod, 'rules'), { name: 'rules', downwardAPI: { items: [item] } });
    const other = madeOf({ rules: { inline: { rules: [{ kind: 'length', target: 21, scale: 10 }] } } });
    assert.notEqual(other.pod.metadata.annotations['gapo.dev/rules'], pod.metadata.annotations['gapo.dev/rules']);
  });

  test('rules of a ConfigMap and of the project', () => {
    const { pod } = madeOf({ rules: { configMap: { name: 'rewards', key: 'concise' } } });
    const configMap = { name: 'rewards', items: [{ key: 'concise', path: 'rules.yaml' }] };
    assert.deepEqual(volumeOf(pod, 'rules'), { name: 'rules', configMap });
    assert.deepEqual(pod.metadata.annotations, {});
    assert.equal(madeOf({ rules: { path: 'rules/concise.yaml' } }).env['REWARD_RULES'], '/project/rules/concise.yaml');
  });

  test('models of the project, a claim, an image and a download', () => {
    const modelOf = (model: NonNullable<RewardServiceSpec['model']>) => {
      const { pod, env } = madeOf({ model });
      assert.equal(env['REWARD_KIND'], 'onnx');
      return { path: env['REWARD_MODEL'], volume: volumeOf(pod, 'model-reward-service'), pod };
    };
    assert.deepEqual([modelOf({ path: 'models/a' }).path, modelOf({ path: '/models/a' }).path], ['/project/models/a', '/models/a']); // prettier-ignore
    const claim = modelOf({ existingClaim: 'judges', path: 'a' });
    assert.equal(claim.path, '/reward/a');
    assert.deepEqual(claim.volume?.['persistentVolumeClaim'], { claimName: 'judges', readOnly: true });
    const image = modelOf({ image: 'models/a:1', variant: 'cuda' });
    assert.deepEqual([image.path, image.pod.spec.containers[0]?.image], ['/reward', 'gapo-reward-cuda:1']);
    assert.deepEqual(image.volume?.['image'], { reference: 'models/a:1', pullPolicy: 'IfNotPresent' });

    const http = modelOf({ download: { url: 'https://models.test/a.tar.gz', sha256: 'ab', secret: 'token' } });
    assert.deepEqual(http.volume?.['emptyDir'], { sizeLimit: '10Gi' });
    const [container = assert.fail()] = http.pod.spec.initContainers;
    assert.deepEqual(container.env.map(({ value }) => value), ['https://models.test/a.tar.gz', 'ab']); // prettier-ignore
    assert.deepEqual(container.envFrom, [{ secretRef: { name: 'token' } }]);
    assert.equal(http.pod.metadata.labels['gapo.dev/outside'], 'true');
    const [s3 = assert.fail()] = modelOf({ download: { url: 's3://bucket/a' } }).pod.spec.initContainers;
    assert.deepEqual([s3.command, s3.env, s3.envFrom], [['fetch', 'bucket/a'], [], undefined]);
  });

  test("a user's own image, on its port and as its user", () => {
    const image = { reference: 'team/own:1', port: 9000, command: ['serve'], args: ['--fast'], runAsUser: 999 };
    const { service, pod, env } = madeOf({ image });
    const [container = assert.fail()] = pod.spec.containers;
    assert.deepEqual(env, {});
    assert.deepEqual([container.image, container.command, container.args], ['team/own:1', ['serve'], ['--fast']]);
    assert.deepEqual(container.ports, [{ name: 'grpc', containerPort: 9000 }]);
    assert.equal(container.readinessProbe.grpc.port, 9000);
    assert.deepEqual(service.spec['ports'], [{ name: 'grpc', port: 9000, targetPort: 'grpc' }]);
    assert.equal(pod.spec.securityContext.runAsUser, 999);
    assert.equal(addressOf(rewardOf({ image }), templates), 'dns:///gapo-reward-concise-headless.team.svc:9000');
  });

  test('what the spec says about pods replaces what the release says', () => {
    const { deployment, pod, env } = madeOf({
      rules,
      replicas: 3,
      resources: { limits: { memory: '2Gi', cpu: 1 } },
      env: [{ name: 'LOG_LEVEL', value: 'debug' }, { name: 'ITEM_TIMEOUT_MS', value: '5' }], // prettier-ignore
      nodeSelector: { pool: 'gpu' },
      podLabels: { team: 'chat', 'gapo.dev/kind': 'mine' },
      tlsSecretName: 'own-tls',
    });
    assert.equal(deployment.spec['replicas'], 3);
    assert.deepEqual(pod.spec.containers[0]?.resources, { limits: { memory: '2Gi', cpu: 1 } });
    assert.deepEqual([env['LOG_LEVEL'], env['ITEM_TIMEOUT_MS']], ['debug', '5']);
    assert.deepEqual(pod.spec.nodeSelector, { pool: 'gpu' });
    // Policies and selectors rely on the release's own labels.
    assert.deepEqual([pod.metadata.labels['team'], pod.metadata.labels['gapo.dev/kind']], ['chat', 'reward']);
    assert.deepEqual(volumeOf(pod, 'tls')?.['secret'], { secretName: 'own-tls', defaultMode: 288 });
  });

  test('an endpoint has none, and its own address', () => {
    const endpoint = rewardOf({ endpoint: { address: 'judge.team.svc:50061' } });
    assert.deepEqual(objectsOf(endpoint, templates), []);
    assert.equal(addressOf(endpoint, templates), 'judge.team.svc:50061');
  });

  test('a spec that does not fit the release is an error that names the field', () => {
    const bare = structuredClone(templates);
    bare.hosted.deployment.spec.template.spec.volumes = [];
    assert.throws(() => objectsOf(rewardOf({ rules, tlsSecretName: 'own' }), bare), /spec\.tlsSecretName/);
    const old = { ...templates, imageVolumes: false };
    assert.throws(() => objectsOf(rewardOf({ model: { image: 'a:1' } }), old), /spec\.model\.image: .* 1\.35/);
    const probed = structuredClone(templates);
    probed.image.deployment.spec.template.spec.containers[0].ports?.push({ name: 'health', containerPort: 50058 });
    const image = { reference: 'team/own:1', port: 50058 };
    assert.throws(() => objectsOf(rewardOf({ image }), probed), /spec\.image\.port: 50058 is the pod's port of health/);
  });
});
