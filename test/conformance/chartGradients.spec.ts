/** PyTorch gradients in the chart: a pod with several processes, and workers with several pods. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { required } from '@gapo/numeric';
import {
  environmentOf,
  helm,
  kubeconform,
  refusal,
  render,
  renderText,
  workloads,
  type Container,
  type KubernetesObject,
  type PodSpec,
} from './rendered.js';

const skip = helm === undefined ? 'helm is not available: install Go and run `make test-tools`' : false;
const set = 'gradient.engine.leaderWorkerSet=false';

const named = (objects: readonly KubernetesObject[], kind: string, name: string): KubernetesObject =>
  required(objects.find((object) => object.kind === kind && object.metadata.name === name), `${kind} ${name}`); // prettier-ignore
const podsOf = (objects: readonly KubernetesObject[]) =>
  workloads(objects).filter(({ object }) => object.metadata.name === 'gapo-gradient');
const only = (pod: PodSpec | undefined): Container => required(pod?.containers[0], 'a container');

/** The options of torchrun in a pod's command. */
function torchrun(container: Container): Record<string, string> {
  const [python, m, module, ...words] = container.command ?? [];
  assert.deepEqual([python, m, module], ['python', '-m', 'gapo_pytorch.processes']);
  return Object.fromEntries(words.map((word) => word.replace(/^--/, '').split('=') as [string, string]));
}

describe('a PyTorch worker in one pod', { skip }, () => {
  const objects = skip === false ? render('node-8-gpus') : [];

  test('is a Deployment with a process for each GPU, which share memory', () => {
    const [{ object, pod } = assert.fail('no pod'), ...others] = podsOf(objects);
    assert.deepEqual([object.kind, others.length], ['Deployment', 0]);
    const container = only(pod);
    assert.equal(container.resources?.limits?.['nvidia.com/gpu'], 4);
    assert.deepEqual(torchrun(container), { 'nproc-per-node': '4', standalone: undefined });
    const environment = environmentOf(container);
    assert.deepEqual([environment['PRECISION'], environment['THREADS'], environment['LISTEN']], ['bfloat16', '4', '0.0.0.0:50052']); // prettier-ignore
    assert.ok(
      container.volumeMounts.some(({ name, mountPath }) => name === 'shared-memory' && mountPath === '/dev/shm'),
    );
    const memory = pod.volumes.find(({ name }) => name === 'shared-memory');
    assert.deepEqual(memory?.['emptyDir'], { medium: 'Memory', sizeLimit: '8Gi' });
    // The file names the claim of deploy/kubernetes/vllm.yaml, whose servers read the same model.
    assert.match(container.image, /\/gapo-gradient-pytorch-cuda:/);
  });

  test('alone starts as its image does', () => {
    const one = only(podsOf(render('default', 'gradient.engine.name="pytorch"'))[0]?.pod);
    assert.deepEqual([one.command, one.image], [undefined, 'gapo-gradient-pytorch:0.1.0']);
    const two = only(podsOf(render('default', 'gradient.engine={"name":"pytorch","processes":2}'))[0]?.pod);
    assert.equal(torchrun(two)['nproc-per-node'], '2');
  });

  test('serves no metrics, and no policy opens a port for them', () => {
    const measured = render('node-8-gpus', 'metrics.enabled=true');
    assert.equal(environmentOf(only(podsOf(measured)[0]?.pod))['LISTEN_METRICS'], undefined);
    const open = (name: string) =>
      JSON.stringify(named(measured, 'NetworkPolicy', name).spec?.ingress).includes('9464');
    assert.deepEqual([open('gapo-gradient'), open('gapo-rollout')], [false, true]);
  });
});

describe('a PyTorch worker of several pods', { skip }, () => {
  const group = skip === false ? render('pytorch-group') : [];
  const stateful = skip === false ? render('pytorch-group', set, 'gradient.replicas=1') : [];

  test('is a LeaderWorkerSet, whose pods end together and meet at the first', () => {
    const { spec } = named(group, 'LeaderWorkerSet', 'gapo-gradient');
    assert.deepEqual([spec?.replicas, spec?.leaderWorkerTemplate?.size], [2, 2]);
    assert.equal(spec?.leaderWorkerTemplate?.restartPolicy, 'RecreateGroupOnPodRestart');
    const pods = podsOf(group);
    assert.equal(pods.length, 2);
    for (const { pod } of pods) {
      assert.deepEqual(torchrun(only(pod)), {
        'nproc-per-node': '8',
        nnodes: '2',
        'node-rank': '$(LWS_WORKER_INDEX)',
        'master-addr': '$(LWS_LEADER_ADDRESS)',
        'master-port': '29500',
      });
    }
  });

  test('without LeaderWorkerSets is a StatefulSet, whose pods find the first one before it is ready', () => {
    const { spec } = named(stateful, 'StatefulSet', 'gapo-gradient');
    assert.equal(spec?.replicas, 2);
    const { podManagementPolicy, updateStrategy } = spec as { podManagementPolicy?: string; updateStrategy?: object };
    assert.deepEqual([podManagementPolicy, updateStrategy], ['Parallel', { type: 'OnDelete' }]);
    const container = only(podsOf(stateful)[0]?.pod);
    const service = named(stateful, 'Service', required(spec.serviceName, 'its Service'));
    assert.equal((service.spec as { publishNotReadyAddresses?: boolean }).publishNotReadyAddresses, true);
    const { 'master-addr': address, 'master-port': port, 'node-rank': rank } = torchrun(container);
    assert.equal(address, `gapo-gradient-0.${service.metadata.name}`);
    assert.equal(service.spec?.ports?.[0]?.port, Number(port));
    assert.equal(rank, '$(POD_INDEX)');
    const index = container.env?.find(({ name }) => name === 'POD_INDEX')?.valueFrom;
    assert.deepEqual(index, { fieldRef: { fieldPath: "metadata.labels['apps.kubernetes.io/pod-index']" } });
  });

  test('is called at its first pod alone', () => {
    for (const objects of [group, stateful]) {
      const selector = named(objects, 'Service', 'gapo-gradient-headless').spec?.selector as Record<string, string>;
      const called = podsOf(objects).filter(({ labels }) => Object.entries(selector).every(([key, value]) => labels[key] === value)); // prettier-ignore
      assert.equal(called.length, 1);
      const component = named(objects, 'NetworkPolicy', 'gapo-gradient').spec?.podSelector?.matchLabels ?? {};
      assert.ok(
        Object.keys(selector).length > Object.keys(component).length,
        'the selector is more than the component',
      );
    }
  });

  test('may speak among its pods at any port, and the first processes answer probes', () => {
    for (const objects of [group, stateful]) {
      const { ingress = [], egress = [] } = named(objects, 'NetworkPolicy', 'gapo-gradient').spec ?? {};
      const own = ({ from, to }: { from?: object[]; to?: object[] }) =>
        JSON.stringify(from ?? to ?? []).includes('"app.kubernetes.io/component":"gradient"');
      for (const rules of [ingress, egress]) assert.deepEqual(rules.filter(own).map(({ ports }) => ports), [[{ protocol: 'TCP' }]]); // prettier-ignore
      for (const { pod } of podsOf(objects)) assert.equal(only(pod).readinessProbe?.grpc?.port, 50058);
    }
    assert.doesNotMatch(renderText('node-8-gpus'), /publishNotReadyAddresses|rendezvous/);
  });

  test('has pods that are valid for Kubernetes', { skip: kubeconform.skip }, () => {
    const pods = [...podsOf(group), ...podsOf(stateful)].map(({ pod, labels }, i) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `pod-${i}`, labels },
      spec: pod,
    }));
    const documents = [...pods, ...stateful].map((object) => JSON.stringify(object));
    assert.equal(kubeconform.problems(documents.join('\n---\n')), '');
  });
});

describe('what cannot work is refused by name', { skip }, () => {
  const engine = (values: object): string => `gradient.engine=${JSON.stringify({ name: 'pytorch', ...values })}`;
  const gpus = (count: number): string => `gradient.resources={"limits":{"nvidia.com/gpu":${count}}}`;
  const cases: [string, string[], RegExp][] = [
    ['an engine that computes no gradients', ['gradient.engine.name="vllm"'], /gradient.engine.name|\/engine\/name/],
    ['an engine as a word', ['gradient.engine="pytorch"'], /engine/],
    ['processes of the native engine', ['gradient.engine.processes=2'], /engine.processes: set gradient.engine.name to pytorch/], // prettier-ignore
    ['pods of the native engine', ['gradient.engine.pods=2'], /engine.pods: set gradient.engine.name to pytorch/],
    ['GPUs for an image without CUDA', [engine({}), gpus(2)], /gradient.variant: the pods have GPUs; set it to cuda/],
    [
      'processes without a GPU',
      [engine({ processes: 4 }), 'gradient.variant="cuda"', gpus(2)],
      /gradient.engine.processes: 4, but gradient.resources.limits has 2 nvidia.com\/gpu/,
    ],
    ['several pods and no policies', [engine({ pods: 2 }), 'networkPolicy.enabled=false'], /engine.pods: .* leave networkPolicy.enabled/], // prettier-ignore
    ['several pods that an autoscaler counts', [engine({ pods: 2 }), 'gradient.autoscaling.enabled=true'], /gradient.autoscaling: /], // prettier-ignore
    ['several workers of several pods', [engine({ pods: 2 }), 'gradient.replicas=2'], /gradient.replicas: .* need gradient.engine.leaderWorkerSet/], // prettier-ignore
    ['a group of one pod', [engine({ leaderWorkerSet: true })], /leaderWorkerSet: .*; set gradient.engine.pods too/],
    ['an unknown precision', [engine({ precision: 'float16' })], /precision/],
  ];
  for (const [what, settings, message] of cases) {
    test(what, () => assert.match(refusal(...settings) ?? 'accepted', message));
  }
});
