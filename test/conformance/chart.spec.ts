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
import {
  environmentOf,
  helm,
  refusal,
  render,
  renderText,
  workloads,
  type KubernetesObject,
  type Labels,
} from './rendered.js';
import { commandOf, describeImage, projectRoot, serviceFolders, settingsOf, type ServiceFolder } from './services.js';

const valuesFiles = ['default', 'many-rewards', 'production'];
const skip =
  helm === undefined ? 'helm is not available: install Go and run `make test-tools`, or set HELM to its path' : false;

interface RewardValues {
  name: string;
  objective?: string;
  kind: string;
  image?: string;
  port?: number;
  replicas?: number;
}

function rewardsOf(values: string): RewardValues[] {
  const read = (path: string) =>
    parse(readFileSync(join(projectRoot, path), 'utf8')) as { rewards?: RewardValues[] } | null;
  return read(`deploy/helm/ci/${values}-values.yaml`)?.rewards ?? read('deploy/helm/gapo/values.yaml')?.rewards ?? [];
}

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

for (const values of valuesFiles) {
  describe(`the chart with ${values} values`, { skip }, () => {
    const objects = skip === false ? render(values) : [];
    const rewards = rewardsOf(values);

    test('every reward is one Deployment and one Service, and the coordinator knows it by its objective', () => {
      for (const { name, image, port = 50061, replicas = 1 } of rewards) {
        const deployment = named(objects, 'Deployment', `gapo-reward-${name}`);
        const service = named(objects, 'Service', `gapo-reward-${name}-headless`);
        assert.equal(deployment.spec?.replicas, replicas);
        assert.deepEqual(
          service.spec?.ports?.map((entry) => entry.port),
          [port],
        );
        if (image !== undefined) assert.equal(deployment.spec?.template?.spec.containers[0]?.image, image);
      }
      const owned = objects.filter(
        ({ kind, metadata }) => kind !== 'Certificate' && component(metadata.labels).startsWith('reward-'),
      );
      assert.equal(owned.length, 2 * rewards.length);
      const coordinator = named(objects, 'StatefulSet', 'gapo-coordinator').spec?.template?.spec.containers[0];
      const entries = environmentOf(coordinator)['REWARD_SERVICES']?.split(',') ?? [];
      const addresses = new Map(entries.map((entry) => entry.split('=') as [string, string]));
      for (const { name, objective = name, port = 50061 } of rewards) {
        const address = addresses.get(objective) ?? addresses.get('*')?.replaceAll('*', objective);
        assert.equal(address, `dns:///gapo-reward-${name}-headless:${port}`);
      }
    });

    test('adding a reward changes no other object', () => {
      const another = { name: 'another', kind: 'rules', rules: 'another.yaml' };
      const more = render(values, `rewards=${JSON.stringify([...rewards, another])}`);
      const added = more.filter(({ metadata }) => component(metadata.labels) === 'reward-another');
      const certificate = values === 'production' ? ['Certificate'] : [];
      assert.deepEqual(new Set(added.map(({ kind }) => kind)), new Set(['Deployment', 'Service', ...certificate]));
      assert.deepEqual(
        more.filter((object) => !added.includes(object)),
        objects,
      );
    });

    test('startup, readiness and liveness probes call gRPC on a port without TLS', () => {
      for (const { object, pod, labels } of workloads(objects)) {
        if (component(labels) === 'cli') continue;
        for (const container of pod.containers) {
          const { LISTEN_HEALTH, TLS_CERT_FILE } = environmentOf(container);
          // An image of somebody's own has such a port with TLS alone.
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
        const listens = ['LISTEN', 'LISTEN_GRPC', 'LISTEN_HEALTH']
          .flatMap((name) => env[name] ?? [])
          .map((at) => Number(at.split(':')[1]));
        assert.deepEqual(
          listens,
          container?.ports?.map(({ containerPort }) => containerPort),
        );
      }
    });

    test('every setting is one that the service knows', () => {
      for (const { object, pod, labels } of workloads(objects)) {
        const folder = folderOf(labels, rewards);
        if (folder === undefined) continue;
        const names = pod.containers.flatMap(({ env = [] }) => env.map(({ name }) => name));
        assert.equal(new Set(names).size, names.length, `${object.metadata.name} sets a variable twice`);
        const { REWARD_TOKEN_ENV: token } = environmentOf(pod.containers[0]);
        for (const name of names)
          assert.ok(
            settingsOf(folder).has(name) || name === token,
            `${object.metadata.name}: ${folder} knows no ${name}`,
          );
      }
    });

    test("the platform's images start unchanged: the chart sets no command", () => {
      for (const { object, pod, labels } of workloads(objects)) {
        const folder = folderOf(labels, rewards);
        if (folder === undefined) continue;
        assert.match(
          pod.containers[0]?.image ?? '',
          new RegExp(`(^|/)gapo-${folder}:0\\.1\\.0$`),
          object.metadata.name,
        );
        assert.equal(pod.containers[0]?.command, undefined);
        assert.equal(pod.containers[0]?.args, undefined);
      }
    });

    test('every selector picks exactly one workload, by the labels of its pods', () => {
      const pods = workloads(objects);
      for (const { kind, metadata, spec } of objects) {
        if (spec?.selector === undefined) continue;
        const selector = 'matchLabels' in spec.selector ? (spec.selector.matchLabels as Labels) : spec.selector;
        const picked = pods.filter(({ labels }) => matches(selector, labels));
        assert.equal(picked.length, 1, `${kind} ${metadata.name} picks ${picked.length} workloads`);
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
          for (const [, host = '', port] of value.matchAll(/(?:dns:\/\/\/)?(gapo-[a-z0-9-]+):(\d+)/g)) {
            const service = named(objects, 'Service', host);
            assert.ok(
              service.spec?.ports?.some((entry) => entry.port === Number(port)),
              `${object.metadata.name}: ${value}`,
            );
            assert.equal(service.spec?.clusterIP, 'None', 'round robin needs the addresses of all pods');
          }
        }
      }
    });

    test('nothing runs as root, gains privileges, writes to its image or holds a token', () => {
      for (const { object, pod } of workloads(objects)) {
        const { securityContext } = pod;
        assert.equal(securityContext.runAsNonRoot, true, object.metadata.name);
        assert.ok(securityContext.runAsUser > 0, object.metadata.name);
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

    test('every mount is a volume of its pod, the files of project and secret are read-only, and only the coordinator keeps data', () => {
      for (const { object, pod } of workloads(objects)) {
        const claims = object.spec?.volumeClaimTemplates?.map(({ metadata }) => metadata.name) ?? [];
        assert.deepEqual(claims, object.kind === 'StatefulSet' ? ['data'] : []);
        const volumes = new Set([...claims, ...pod.volumes.map(({ name }) => name)]);
        for (const { name, readOnly } of pod.containers.flatMap(({ volumeMounts }) => volumeMounts)) {
          assert.ok(volumes.has(name), `${object.metadata.name} mounts ${name}, which is not a volume of the pod`);
          assert.equal(readOnly === true, ['project', 'token', 'nats', 'tls', 'access'].includes(name));
        }
      }
    });

    test('the gateway answers to the names of its Service, and to those in the values', () => {
      const gateway = named(objects, 'Deployment', 'gapo-gateway').spec?.template?.spec.containers[0];
      const hosts = environmentOf(gateway)['GATEWAY_ALLOWED_HOSTS']?.split(',');
      const service = ['', '.default', '.default.svc', '.default.svc.cluster.local'].map((end) => `gapo-gateway${end}`);
      assert.deepEqual(hosts, [...service, ...(values === 'production' ? ['gapo.example.org'] : [])]);
    });

    test('draining a node evicts at most one worker of each kind at a time', () => {
      for (const kind of ['rollout', 'gradient']) {
        assert.equal(named(objects, 'PodDisruptionBudget', `gapo-${kind}`).spec?.maxUnavailable, 1);
      }
    });

    test('every object is valid for Kubernetes', { skip: validation() }, () => {
      const [program, schemas] = [process.env['KUBECONFORM'] ?? '', process.env['KUBERNETES_SCHEMAS'] ?? ''];
      const args = ['-strict', '-kubernetes-version', '1.37.0', '-schema-location', schemas];
      // Kinds of cert-manager, which are no part of Kubernetes.
      args.push('-skip', 'Certificate,Issuer');
      const { status, stdout, stderr } = spawnSync(program, args, { input: renderText(values), encoding: 'utf8' });
      assert.equal(status, 0, stdout + stderr);
    });
  });
}

function validation(): string | false {
  const missing = ['KUBECONFORM', 'KUBERNETES_SCHEMAS'].filter((name) => !process.env[name]);
  return missing.length > 0 ? `${missing.join(' and ')} not set: install Go and run \`make test-tools\`` : false;
}

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
      const env = environmentOf(pod.containers[0]);
      assert.equal(env['TLS_CERT_FILE'], '/etc/gapo/tls/tls.crt', object.metadata.name);
      assert.equal(env['TLS_KEY_FILE'], '/etc/gapo/tls/tls.key');
      assert.equal(env['TLS_CA_FILE'], '/etc/gapo/tls/ca.crt');
      assert.equal(env['TLS_TRUST_DOMAIN'], domain);
      assert.equal(env['INSECURE'], undefined);
      const secret = pod.volumes.find(({ name }) => name === 'tls')?.['secret'] as { secretName: string } | undefined;
      assert.equal(secret?.secretName, `gapo-${component(labels)}-tls`);
    }
  }
  for (const { pod, labels } of workloads(render('default'))) {
    const env = environmentOf(pod.containers[0]);
    assert.equal(env['INSECURE'], component(labels) === 'cli' ? undefined : 'true');
    assert.equal(env['TLS_CERT_FILE'], undefined);
  }
});

test('the login to NATS is read from its secret: files are mounted, words are variables', { skip }, () => {
  for (const name of ['gapo-coordinator', 'gapo-gateway']) {
    const kind = name === 'gapo-gateway' ? 'Deployment' : 'StatefulSet';
    const pod = named(render('production'), kind, name).spec?.template?.spec;
    const [container] = pod?.containers ?? [];
    assert.equal(environmentOf(container)['NATS_CREDS'], '/etc/gapo/nats/user.creds');
    assert.equal(environmentOf(container)['NATS_STREAM_MAX_BYTES'], '1073741824');
    assert.ok(container?.volumeMounts.some(({ mountPath, readOnly }) => mountPath === '/etc/gapo/nats' && readOnly));
    assert.ok(pod?.volumes.some(({ name: volume }) => volume === 'nats'));
  }
});

describe('invalid values are refused', { skip }, () => {
  const reward = (entry: object): string =>
    `rewards=${JSON.stringify([{ name: 'helpful', kind: 'onnx', model: 'm', ...entry }])}`;
  const cases: [string, string[], RegExp][] = [
    ['an unknown key', ['natsURL="nats://nats:4222"'], /natsURL/],
    ['an unknown key of a service', ['rollout.replica=2'], /replica/],
    ['a word in place of a number', ['rollout.replicas="two"'], /rollout.replicas|\/rollout\/replicas/],
    ['no workers', ['gradient.replicas=0'], /gradient.replicas|\/gradient\/replicas/],
    ['a URL of another scheme', ['natsUrl="http://nats:4222"'], /natsUrl/],
    ['a login without a server', ['nats.secret="s"'], /set natsUrl too/],
    ['keys without their secret', ['natsUrl="nats://n:1"', 'nats.keys={"NATS_CREDS":"c"}'], /set nats.secret too/],
    ['an unknown variable of a login', ['nats.keys={"NATS_TOKEN_FILE":"c"}'], /NATS_TOKEN_FILE/],
    ['a classifier without its model', [`rewards=[{"name":"helpful","kind":"onnx"}]`], /model/],
    ['rules with a model', [reward({ kind: 'rules', rules: 'r.yaml' })], /model/],
    ['a model of an inference server without its file', [`rewards=[{"name":"helpful","kind":"oip"}]`], /oip/],
    ['an unknown kind of reward', [reward({ kind: 'python' })], /kind/],
    ['a name that Kubernetes does not allow', [reward({ name: 'Very_Helpful' })], /name/],
    ['an image for a reward of the platform', [reward({ image: 'x:1' })], /image/],
    ['an unknown way to secure services', ['tls.mode="mtls"'], /tls.mode|\/tls\/mode/],
    ['an issuer that is not asked', ['tls.issuerRef={"name":"a"}'], /set tls.mode to certManager/],
    ['root', [`rewards=[{"name":"own","kind":"custom","image":"x:1","runAsUser":0}]`], /runAsUser/],
    [
      'a duplicate name',
      [`rewards=[{"name":"a","kind":"onnx","model":"m"},{"name":"a","kind":"onnx","model":"n"}]`],
      /the name "a" is used twice/,
    ],
    [
      'a duplicate objective',
      [`rewards=[{"name":"a","kind":"onnx","model":"m"},{"name":"b","objective":"a","kind":"onnx","model":"n"}]`],
      /the objective "a" is used twice/,
    ],
    ['a token of a classifier', [reward({ tokenSecret: { name: 'a', key: 'b' } })], /tokenSecret/],
    [
      'two tokens',
      [`rewards=[{"name":"a","kind":"http","http":"a.yaml","tokenEnv":"A","tokenSecret":{"name":"a","key":"b"}}]`],
      /a has tokenSecret beside tokenEnv or tokenFile/,
    ],
    ['two sources for the project', ['project.existingClaim="models"', 'project.image="x:1"'], /not both/],
  ];
  for (const [what, settings, message] of cases) {
    test(what, () => assert.match(refusal(...settings) ?? 'accepted', message));
  }

  test('a valid reward is accepted', () => assert.equal(refusal(reward({})), undefined));
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
