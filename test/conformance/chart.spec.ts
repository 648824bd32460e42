/**
 * The rendered Helm chart: every reward has its own Deployment and Service, every address is that of a Service, and images
 * run the same commands as `gapo up`. Needs helm (`make test-tools`, HELM=path, or on PATH).
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { describeImage } from './images.js';
import {
  environmentOf,
  helm,
  kubeconform,
  refusal,
  render,
  renderText,
  valuesFiles,
  workloads,
  type KubernetesObject,
  type Labels,
} from './rendered.js';
import { commandOf, projectRoot, pytorchSettings, serviceFolders, settingsOf, type ServiceFolder } from './services.js';

const skip =
  helm === undefined ? 'helm is not available: install Go and run `make test-tools`, or set HELM to its path' : false;

interface RewardValues {
  name: string;
  objective?: string;
  kind: string;
  model?: string;
  image?: string;
  port?: number;
  replicas?: number;
}

interface Values {
  fullnameOverride?: string;
  tls?: { mode?: string };
  image?: { tag?: string; digests?: Record<string, string> };
  rollout?: { variant?: string };
  gradient?: { variant?: string; engine?: { name?: string; pods?: number } };
  rewards?: RewardValues[];
  rewardDefaults?: { replicas?: number; autoscaling?: { enabled?: boolean } };
  podSecurity?: { runAsUser?: number | null };
}

function valuesOf(name: string): Values {
  const path = valuesFiles.get(name) ?? '';
  return parse(readFileSync(join(projectRoot, path), 'utf8'), { merge: true }) as Values;
}

const example: RewardValues[] = ['helpful', 'harmless'].map((name) => ({
  name,
  kind: 'onnx',
  model: `models/${name}`,
}));

function named(objects: readonly KubernetesObject[], kind: string, name: string): KubernetesObject {
  const [found, ...others] = objects.filter((object) => object.kind === kind && object.metadata.name === name);
  assert.ok(
    found !== undefined && others.length === 0,
    `expected one ${kind} ${name}, found ${found ? 'more' : 'none'}`,
  );
  return found;
}

const component = (labels: Labels): string => labels['app.kubernetes.io/component'] ?? '';

/** The service that a pod runs; undefined for the CLI's pod and for custom images. */
function folderOf(labels: Labels, rewards: readonly RewardValues[]): ServiceFolder | undefined {
  const name = component(labels);
  const reward = rewards.find((entry) => `reward-${entry.name}` === name);
  if (reward !== undefined) return reward.kind === 'custom' ? undefined : 'reward';
  return serviceFolders.find((folder) => folder === name);
}

function matches(selector: Labels, labels: Labels): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}

for (const values of valuesFiles.keys()) {
  describe(`the chart with ${values} values`, { skip }, () => {
    const objects = skip === false ? render(values) : [];
    const given = valuesOf(values);
    const { fullnameOverride: prefix = 'gapo', rewards = example } = given;
    const pytorch = given.gradient?.engine?.name === 'pytorch';

    test('every reward is one Deployment and one Service, and the coordinator knows it by its objective', () => {
      for (const { name, image, port = 50061, replicas = given.rewardDefaults?.replicas ?? 1 } of rewards) {
        const deployment = named(objects, 'Deployment', `${prefix}-reward-${name}`);
        const service = named(objects, 'Service', `${prefix}-reward-${name}-headless`);
        assert.equal(
          deployment.spec?.replicas,
          given.rewardDefaults?.autoscaling?.enabled === true ? undefined : replicas,
        );
        assert.deepEqual(
          service.spec?.ports?.map((entry) => entry.port),
          [port],
        );
        if (image !== undefined) assert.equal(deployment.spec?.template?.spec.containers[0]?.image, image);
      }
      const owned = objects.filter(
        ({ kind, metadata }) =>
          ['Deployment', 'Service'].includes(kind) && component(metadata.labels).startsWith('reward-'),
      );
      assert.equal(owned.length, 2 * rewards.length);
      const coordinator = named(objects, 'Deployment', `${prefix}-coordinator`).spec?.template?.spec.containers[0];
      const entries = environmentOf(coordinator)['REWARD_SERVICES']?.split(',') ?? [];
      const addresses = new Map(entries.map((entry) => entry.split('=') as [string, string]));
      for (const { name, objective = name, port = 50061 } of rewards) {
        const address = addresses.get(objective) ?? addresses.get('*')?.replaceAll('*', objective);
        assert.equal(address, `dns:///${prefix}-reward-${name}-headless:${port}`);
      }
    });

    // Uses values files whose rewards differ in what they bring along.
    if (['default', 'everything', 'many-rewards', 'production'].includes(values)) {
      test('adding a reward changes no other object', () => {
        const another = { name: 'another', kind: 'rules', rules: 'another.yaml' };
        const more = render(values, `rewards=${JSON.stringify([...rewards, another])}`);
        const added = more.filter(({ metadata }) => component(metadata.labels) === 'reward-another');
        const kinds = new Set(['Deployment', 'Service', 'NetworkPolicy', 'PodDisruptionBudget']);
        if (given.tls?.mode === 'certManager') kinds.add('Certificate');
        if (given.rewardDefaults?.autoscaling?.enabled === true) kinds.add('HorizontalPodAutoscaler');
        assert.deepEqual(new Set(added.map(({ kind }) => kind)), kinds);
        assert.deepEqual(
          more.filter((object) => !added.includes(object)),
          objects,
        );
      });
    }

    test('startup, readiness and liveness probes call gRPC on a port without TLS', () => {
      for (const { object, pod, labels } of workloads(objects)) {
        if (['cli', 'nats'].includes(component(labels))) continue;
        for (const container of pod.containers) {
          const { LISTEN_HEALTH, TLS_CERT_FILE } = environmentOf(container);
          // A user's own image has such a port only with TLS.
          const name = LISTEN_HEALTH === undefined ? 'grpc' : 'health';
          assert.ok(LISTEN_HEALTH !== undefined || TLS_CERT_FILE === undefined, object.metadata.name);
          const port = container.ports?.find((entry) => entry.name === name)?.containerPort;
          assert.ok(port !== undefined, `${object.metadata.name} has no port named ${name}`);
          for (const probe of [container.startupProbe, container.readinessProbe, container.livenessProbe]) {
            assert.deepEqual(probe?.grpc, { port }, object.metadata.name);
          }
        }
      }
    });

    test('services listen on the ports of their containers', () => {
      for (const { pod, labels } of workloads(objects)) {
        if (folderOf(labels, rewards) === undefined) continue;
        const [container] = pod.containers;
        const env = environmentOf(container);
        const listens = ['LISTEN', 'LISTEN_GRPC', 'LISTEN_HEALTH', 'LISTEN_METRICS']
          .flatMap((name) => env[name] ?? [])
          .map((at) => Number(at.split(':')[1]));
        assert.deepEqual(
          listens,
          // The rendezvous port of torchrun, used by the pods of a worker.
          container?.ports?.filter(({ name }) => name !== 'rendezvous').map(({ containerPort }) => containerPort),
        );
      }
    });

    test('every setting is one that the service knows', () => {
      for (const { object, pod, labels } of workloads(objects)) {
        const folder = folderOf(labels, rewards);
        if (folder === undefined) continue;
        const settings = folder === 'gradient' && pytorch ? pytorchSettings() : settingsOf(folder);
        const names = pod.containers.flatMap(({ env = [] }) => env.map(({ name }) => name));
        assert.equal(new Set(names).size, names.length, `${object.metadata.name} sets a variable twice`);
        const { REWARD_TOKEN_ENV: token } = environmentOf(pod.containers[0]);
        for (const name of names)
          assert.ok(
            settings.has(name) || name === token || name === 'POD_INDEX',
            `${object.metadata.name}: ${folder} knows no ${name}`,
          );
      }
    });

    test("the platform's images start unchanged: the chart sets no command", () => {
      for (const { object, pod, labels } of workloads(objects)) {
        const folder = folderOf(labels, rewards);
        if (folder === undefined) continue;
        const { variant } =
          component(labels) in given ? ((given as Record<string, { variant?: string }>)[component(labels)] ?? {}) : {};
        const version = `(:0[.]1[.]0|@sha256:\\d{64})`;
        const engine = folder === 'gradient' && pytorch ? '-pytorch' : '';
        const image = new RegExp(
          `(^|/)gapo-${folder}${engine}${variant === undefined ? '' : `-${variant}`}${version}$`,
        );
        assert.match(pod.containers[0]?.image ?? '', image, object.metadata.name);
        // Several processes need torchrun (chartGradients.spec.ts).
        if (engine === '') assert.equal(pod.containers[0]?.command, undefined);
        assert.equal(pod.containers[0]?.args, undefined);
      }
    });

    test('every selector picks exactly one workload, by the labels of its pods', () => {
      const pods = workloads(objects);
      for (const { kind, metadata, spec } of objects) {
        if (spec?.selector === undefined) continue;
        const selector = 'matchLabels' in spec.selector ? (spec.selector.matchLabels as Labels) : spec.selector;
        const picked = pods.filter(({ labels }) => matches(selector, labels));
        const count = new Set(picked.map(({ object }) => object)).size;
        assert.equal(count, 1, `${kind} ${metadata.name} picks ${count} workloads`);
        if (spec.template !== undefined) assert.equal(picked[0]?.object.metadata.name, metadata.name);
        for (const { targetPort } of spec.ports ?? []) {
          assert.ok(
            picked[0]?.pod.containers.some(({ ports }) => ports?.some(({ name }) => name === targetPort)),
            `${kind} ${metadata.name}: no container port named ${targetPort}`,
          );
        }
      }
    });

    test('every address in the environment is a Service of the chart, with that port', () => {
      for (const { object, pod } of workloads(objects)) {
        for (const value of pod.containers.flatMap((container) => Object.values(environmentOf(container)))) {
          for (const [, roundRobin, host = '', port] of value.matchAll(
            new RegExp(`(dns:///)?(${prefix}-[a-z0-9-]+):(\\d+)`, 'g'),
          )) {
            const service = named(objects, 'Service', host);
            assert.ok(
              service.spec?.ports?.some((entry) => entry.port === Number(port)),
              `${object.metadata.name}: ${value}`,
            );
            const headless = service.spec?.clusterIP === 'None';
            if (roundRobin !== undefined) assert.ok(headless, 'round robin needs the addresses of all pods');
          }
        }
      }
    });

    test('nothing runs as root, gains privileges, writes to its image or holds a token', () => {
      for (const { object, pod } of workloads(objects)) {
        const { securityContext } = pod;
        assert.equal(securityContext.runAsNonRoot, true, object.metadata.name);
        const { runAsUser } = securityContext;
        if (given.podSecurity?.runAsUser === null) assert.equal(runAsUser, undefined);
        else assert.ok(runAsUser !== undefined && runAsUser > 0, object.metadata.name);
        assert.equal(securityContext.seccompProfile.type, 'RuntimeDefault');
        assert.equal(pod.automountServiceAccountToken, false);
        assert.equal(pod.enableServiceLinks, false);
        for (const container of [...pod.containers, ...(pod.initContainers ?? [])]) {
          assert.deepEqual(container.securityContext, {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          });
        }
      }
    });

    test('every mount is a volume of its pod, and all are read-only but /tmp, /dev/shm, adapters for engines and the data of coordinator and NATS', () => {
      for (const { object, pod, labels } of workloads(objects)) {
        const claims = object.spec?.volumeClaimTemplates?.map(({ metadata }) => metadata.name) ?? [];
        assert.deepEqual(claims, component(labels) === 'nats' && object.kind === 'StatefulSet' ? ['data'] : []);
        const keeps = ['coordinator', 'nats'].includes(component(labels));
        const volumes = new Set([...claims, ...pod.volumes.map(({ name }) => name)]);
        for (const { name, readOnly } of pod.containers.flatMap(({ volumeMounts }) => volumeMounts)) {
          assert.ok(volumes.has(name), `${object.metadata.name} mounts ${name}, which is not a volume of the pod`);
          assert.equal(
            readOnly !== true,
            ['tmp', 'shared', 'shared-memory', 'engine-adapters', ...(keeps ? ['data'] : [])].includes(name),
            name,
          );
        }
      }
    });

    test('the gateway answers to the names of its Service, and to those in the values', () => {
      const gateway = named(objects, 'Deployment', `${prefix}-gateway`).spec?.template?.spec.containers[0];
      const hosts = environmentOf(gateway)['GATEWAY_ALLOWED_HOSTS']?.split(',');
      const service = ['', '.default', '.default.svc', '.default.svc.cluster.local'].map(
        (end) => `${prefix}-gateway${end}`,
      );
      const routes = objects.filter(({ kind }) => kind === 'Ingress' || kind === 'HTTPRoute');
      const outside = routes.flatMap(({ spec }) => spec?.hostnames ?? spec?.rules?.map(({ host }) => host) ?? []);
      assert.deepEqual(hosts, [...service, ...outside]);
    });

    test('draining a node evicts at most one worker of each kind at a time', () => {
      const all = ['rollout', 'gradient', 'gateway', ...rewards.map(({ name }) => `reward-${name}`)];
      for (const name of all) {
        assert.equal(named(objects, 'PodDisruptionBudget', `${prefix}-${name}`).spec?.maxUnavailable, 1);
      }
    });
  });
}

test('every object is valid for three versions of Kubernetes', { skip: skip || kubeconform.skip }, () => {
  assert.equal(kubeconform.problems([...valuesFiles.keys()].map((values) => renderText(values)).join('\n---\n')), '');
});

test('helm lint reports nothing', { skip }, () => {
  for (const values of ['default', 'everything']) {
    const path = valuesFiles.get(values) ?? '';
    const args = ['lint', '--strict', '--quiet', 'deploy/helm/gapo', '--values', path, '--kube-version', '1.35.0'];
    const { status, stdout, stderr } = spawnSync(helm ?? 'helm', args, { cwd: projectRoot, encoding: 'utf8' });
    assert.equal(status, 0, `${path}: ${stdout}${stderr}`);
  }
});

test('how services are secured has no default, and the message names the choices', { skip }, () => {
  assert.match(refusal('tls.mode=""') ?? 'accepted', /tls\.mode: choose .*certManager .*secrets .*insecure/);
});

test('each component has its own certificate, with the identity that its peers expect', { skip }, () => {
  const objects = render('production');
  const certificates = objects.filter(({ kind }) => kind === 'Certificate');
  const identities = Object.fromEntries(
    certificates.flatMap(({ spec }): [string, string[]][] =>
      spec?.uris === undefined ? [] : [[spec.secretName ?? '', spec.uris]],
    ),
  );
  const at = (role: string): string[] => [`spiffe://gapo.default/${role}`];
  assert.deepEqual(identities, {
    'gapo-coordinator-tls': at('coordinator'),
    'gapo-rollout-tls': at('rollout'),
    'gapo-gradient-tls': at('gradient'),
    'gapo-gateway-tls': at('gateway'),
    'gapo-reward-helpful-tls': at('reward/helpful'),
    'gapo-reward-harmless-tls': at('reward/harmless'),
  });
  const authority = named(objects, 'Certificate', 'gapo-ca');
  assert.equal(authority.spec?.isCA, true);
  const issuers = objects.filter(({ kind }) => kind === 'Issuer').map(({ metadata }) => metadata.name);
  for (const { spec } of certificates) assert.ok(issuers.includes(spec?.issuerRef?.name ?? ''));
  assert.ok(named(objects, 'Certificate', 'gapo-gateway-tls').spec?.dnsNames?.includes('gapo.example.org'));
  assert.ok(named(objects, 'Certificate', 'gapo-coordinator-tls').spec?.dnsNames?.includes('gapo-coordinator'));
  const own = render('production', 'tls.issuerRef={"name":"internal","kind":"ClusterIssuer"}');
  assert.deepEqual(
    own.flatMap(({ kind, spec }) => (kind === 'Certificate' ? [spec?.issuerRef?.name] : [])),
    Array.from({ length: 6 }, () => 'internal'),
  );
  assert.equal(
    own.some(({ kind }) => kind === 'Issuer'),
    false,
  );
});

test('pods have the certificate of their component, or say that they are insecure', { skip }, () => {
  for (const [values, domain] of [
    ['production', 'gapo.default'],
    ['many-rewards', 'gapo'],
  ] as const) {
    for (const { object, pod, labels } of workloads(render(values))) {
      const secret = pod.volumes.find(({ name }) => name === 'tls')?.['secret'] as { secretName: string } | undefined;
      assert.equal(secret?.secretName, `gapo-${component(labels)}-tls`);
      if (component(labels) === 'nats') continue;
      const env = environmentOf(pod.containers[0]);
      assert.equal(env['TLS_CERT_FILE'], '/etc/gapo/tls/tls.crt', object.metadata.name);
      assert.equal(env['TLS_KEY_FILE'], '/etc/gapo/tls/tls.key');
      assert.equal(env['TLS_CA_FILE'], '/etc/gapo/tls/ca.crt');
      assert.equal(env['TLS_TRUST_DOMAIN'], domain);
      assert.equal(env['INSECURE'], undefined);
    }
  }
  for (const { pod, labels } of workloads(render('default'))) {
    const env = environmentOf(pod.containers[0]);
    assert.equal(env['INSECURE'], ['cli', 'nats'].includes(component(labels)) ? undefined : 'true');
    assert.equal(env['TLS_CERT_FILE'], undefined);
  }
});

test('the login to NATS is read from its secret: files are mounted, words are variables', { skip }, () => {
  for (const name of ['gapo-coordinator', 'gapo-gateway']) {
    const pod = named(render('production'), 'Deployment', name).spec?.template?.spec;
    const [container] = pod?.containers ?? [];
    assert.equal(environmentOf(container)['NATS_CREDS'], '/etc/gapo/nats/user.creds');
    assert.equal(environmentOf(container)['NATS_STREAM_MAX_BYTES'], '1073741824');
    assert.ok(container?.volumeMounts.some(({ mountPath, readOnly }) => mountPath === '/etc/gapo/nats' && readOnly));
    assert.ok(pod?.volumes.some(({ name: volume }) => volume === 'nats'));
  }
});

test("a reward's token is that of its own Secret, and no other pod has it", { skip }, () => {
  const pods = workloads(render('many-rewards'));
  const holding = pods.filter(({ pod }) => JSON.stringify(pod).includes('judge'));
  assert.deepEqual(holding.map(({ object }) => object.metadata.name), ['gapo-reward-tone']); // prettier-ignore
  const pod = holding[0]?.pod;
  const container = pod?.containers[0];
  assert.equal(environmentOf(container)['REWARD_TOKEN_FILE'], '/run/secrets/gapo/token');
  assert.deepEqual(container?.volumeMounts.find(({ name }) => name === 'token')?.mountPath, '/run/secrets/gapo');
  assert.deepEqual(pod?.volumes.find(({ name }) => name === 'token')?.['secret'], {
    secretName: 'judge',
    items: [{ key: 'token', path: 'token' }],
  });
  const factual = pods.find(({ object }) => object.metadata.name === 'gapo-reward-factual');
  assert.equal(environmentOf(factual?.pod.containers[0])['REWARD_TOKEN_ENV'], 'FACTUAL_TOKEN');
});

test('env sets every setting of every service', { skip }, () => {
  const all = (folder: ServiceFolder) => [...settingsOf(folder)].map((name) => ({ name, value: 'given' }));
  const value = (folder: ServiceFolder): string => JSON.stringify(all(folder));
  const reward = `rewards=[{"name":"a","kind":"rules","rules":"a.yaml","env":${value('reward')}}]`;
  const others = serviceFolders
    .filter((folder) => folder !== 'reward')
    .map((folder) => `${folder}.env=${value(folder)}`);
  const pods = workloads(render('default', reward, ...others));
  for (const folder of serviceFolders) {
    const found = pods.find(({ labels }) => component(labels) === (folder === 'reward' ? 'reward-a' : folder));
    const environment = environmentOf(found?.pod.containers[0]);
    for (const { name } of all(folder)) assert.equal(environment[name], 'given', `${folder} ${name}`);
  }
});

test('images start with the command that `gapo up` runs, in /app, as the user 10001', () => {
  for (const folder of serviceFolders) {
    const image = describeImage(folder);
    assert.deepEqual(image.entrypoint, commandOf(folder));
    assert.equal(image.workdir, '/app');
    assert.equal(image.user, '10001:10001');
    for (const name of Object.keys(image.env)) assert.ok(settingsOf(folder).has(name), `${folder} knows no ${name}`);
  }
});
