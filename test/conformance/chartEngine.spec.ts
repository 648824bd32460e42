/**
 * Rollouts with servers of another engine in the chart, and the servers started for them by deploy/kubernetes/vllm.yaml.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { required } from '@gapo/numeric';
import { parseAllDocuments } from 'yaml';
import {
  environmentOf,
  helm,
  kubeconform,
  render,
  workloads,
  type Container,
  type KubernetesObject,
  type PodSpec,
} from './rendered.js';
import { projectRoot } from './services.js';

const skip = helm === undefined ? 'helm is not available: install Go and run `make test-tools`' : false;
const manifest = readFileSync(join(projectRoot, 'deploy/kubernetes/vllm.yaml'), 'utf8');
const servers = parseAllDocuments(manifest).map((document) => document.toJS() as KubernetesObject);

const podNamed = (objects: readonly KubernetesObject[], name: string): PodSpec =>
  required(workloads(objects).find(({ object }) => object.metadata.name === name)?.pod, name);
const only = ({ containers }: PodSpec): Container => required(containers[0], 'a container');

/** The claim that a container mounts at a path. */
function claimAt({ volumes, ...pod }: PodSpec, path: string | undefined): unknown {
  const mount = only({ volumes, ...pod }).volumeMounts.find(({ mountPath }) => mountPath === path);
  const volume = volumes.find(({ name }) => name === mount?.name);
  return (volume?.['persistentVolumeClaim'] as { claimName: string } | undefined)?.claimName;
}

/** The value of an option in a server's command. */
function option(name: string): string | undefined {
  const [argument] = (only(podNamed(servers, 'vllm')).args ?? []).filter((word) => word.startsWith(`--${name}`));
  return argument?.slice(name.length + 3);
}

describe('rollout workers with servers', { skip }, () => {
  const objects = skip === false ? render('vllm') : [];

  test('have the settings of the engine, and no other component has', () => {
    const environment = environmentOf(only(podNamed(objects, 'gapo-rollout')));
    const engine = Object.entries(environment).filter(([name]) => name.startsWith('ENGINE'));
    assert.deepEqual(Object.fromEntries(engine), {
      ENGINE: 'vllm',
      ENGINE_URLS: 'http://vllm-0.vllm:8000,http://vllm-1.vllm:8000',
      ENGINE_MODEL: 'policy',
      ENGINE_ADAPTER_DIR: '/adapters',
      ENGINE_ADAPTERS: '2',
      ENGINE_CONCURRENCY: '128',
      ENGINE_TIMEOUT_SECONDS: '300',
      ENGINE_LEASE_SECONDS: '8',
      ENGINE_TOKEN_FILE: '/run/secrets/gapo/token',
    });
    const holding = workloads(objects).filter(({ pod }) => /ENGINE|engine-adapters|"secretName":"vllm"/.test(JSON.stringify(pod))); // prettier-ignore
    assert.deepEqual(holding.map(({ object }) => object.metadata.name), ['gapo-rollout']); // prettier-ignore
  });

  test('have the volume of the adapters, the path of the servers and a folder where values say so', () => {
    const adapters = '{"existingClaim":"shared","subPath":"gapo/adapters","mountPath":"/shared","serverPath":"/lora"}';
    const pod = podNamed(render('vllm', `rollout.engine.adapters=${adapters}`), 'gapo-rollout');
    assert.equal(claimAt(pod, '/shared'), 'shared');
    const mount = only(pod).volumeMounts.find(({ mountPath }) => mountPath === '/shared');
    assert.equal((mount as { subPath?: string } | undefined)?.subPath, 'gapo/adapters');
    const environment = environmentOf(only(pod));
    assert.deepEqual([environment['ENGINE_ADAPTER_DIR'], environment['ENGINE_ADAPTER_PATH']], ['/shared', '/lora']);
  });

  test('may call the servers at their ports, and no more', () => {
    const rulesOf = (name: string, ...settings: string[]) => {
      const policies = render('vllm', ...settings).filter(({ kind }) => kind === 'NetworkPolicy');
      return policies.find(({ metadata }) => metadata.name === name)?.spec?.egress ?? [];
    };
    const labels = { 'app.kubernetes.io/name': 'vllm' };
    const rule = { to: [{ podSelector: { matchLabels: labels } }], ports: [{ protocol: 'TCP', port: 8000 }] };
    assert.equal(rulesOf('gapo-rollout').filter((one) => isDeepStrictEqual(one, rule)).length, 1);
    assert.ok(!JSON.stringify(rulesOf('gapo-gradient')).includes('8000'));
    const anywhere = rulesOf('gapo-rollout', 'rollout.engine.urls=["https://a.example.org"]', 'rollout.engine.to=[]');
    assert.ok(anywhere.some((one) => one.to === undefined && one.ports?.some(({ port }) => port === 443)));
  });

  test('have no setting of an engine where values name none', () => {
    const environment = environmentOf(only(podNamed(render('default'), 'gapo-rollout')));
    assert.deepEqual(Object.keys(environment).filter((name) => name.startsWith('ENGINE')), []); // prettier-ignore
  });
});

describe('the vLLM servers of deploy/kubernetes', () => {
  test('are those that the values name', { skip }, () => {
    const rollout = podNamed(render('vllm'), 'gapo-rollout');
    const environment = environmentOf(only(rollout));
    const set = required(servers.find(({ kind }) => kind === 'StatefulSet')?.spec, 'a StatefulSet');
    const port = servers.find(({ kind }) => kind === 'Service')?.spec?.ports?.[0]?.port;
    const urls = Array.from({ length: set.replicas ?? 0 }, (_, i) => `http://vllm-${i}.${set.serviceName}:${port}`);
    assert.equal(environment['ENGINE_URLS'], urls.join(','));
    assert.equal(option('port'), String(port));
    assert.equal(option('served-model-name'), environment['ENGINE_MODEL']);
    assert.ok(Number(option('max-loras')) >= Number(environment['ENGINE_ADAPTERS']));

    const server = podNamed(servers, 'vllm');
    const path = environment['ENGINE_ADAPTER_PATH'] ?? environment['ENGINE_ADAPTER_DIR'];
    assert.equal(claimAt(server, path), claimAt(rollout, environment['ENGINE_ADAPTER_DIR']));
    assert.equal(claimAt(server, '/project'), claimAt(rollout, '/project'));
    const claim = servers.find(({ kind }) => kind === 'PersistentVolumeClaim');
    assert.equal(claim?.metadata.name, claimAt(server, path));
    assert.deepEqual(claim?.spec?.accessModes, ['ReadWriteMany']);
    const key = only(server).env?.find(({ name }) => name === 'VLLM_API_KEY')?.valueFrom;
    const token = rollout.volumes.find(({ name }) => name === 'token')?.['secret'] as { secretName: string; items: { key: string }[] }; // prettier-ignore
    assert.deepEqual(key, { secretKeyRef: { name: token.secretName, key: token.items[0]?.key } });
  });

  test('are started as the documents say', () => {
    for (const document of ['README.md', 'docs/engines.md']) {
      const text = readFileSync(join(projectRoot, document), 'utf8');
      const [command = ''] = /VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 vllm serve (?:.*\\\n)*.*/.exec(text) ?? [];
      const options = [...command.matchAll(/--([a-z-]+)(?: ([\w.]+))?/g)];
      assert.ok(options.length >= 7, document);
      for (const [, name = '', value = ''] of options) assert.equal(option(name), value, `${document}: ${name}`);
    }
    assert.equal(environmentOf(only(podNamed(servers, 'vllm')))['VLLM_ALLOW_RUNTIME_LORA_UPDATING'], '1');
  });

  test('are valid for Kubernetes', { skip: kubeconform.skip }, () => {
    assert.equal(kubeconform.problems(manifest), '');
  });
});
