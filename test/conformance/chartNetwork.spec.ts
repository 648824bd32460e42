/**
 * The chart's NetworkPolicies admit exactly the connections named in the pods' own settings. Needs helm, like chart.spec.ts.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  environmentOf,
  helm,
  render,
  valuesFiles,
  workloads,
  type KubernetesObject,
  type Labels,
  type PodSpec,
  type PolicyRule,
} from './rendered.js';

const skip = helm === undefined ? 'helm is not available: install Go and run `make test-tools`' : false;

interface Pod {
  component: string;
  labels: Labels;
  pod: PodSpec;
}

const nameOf = (labels: Labels): string => labels['app.kubernetes.io/component'] ?? '';

/** Every pod of the release, including `helm test`'s. */
function podsOf(objects: readonly KubernetesObject[]): Pod[] {
  const alone = objects
    .filter(({ kind }) => kind === 'Pod')
    .map(({ metadata, spec }) => ({ labels: metadata.labels, pod: spec as unknown as PodSpec }));
  // For a LeaderWorkerSet, the pod that serves.
  const first = objects.flatMap((object) => workloads([object]).slice(0, 1));
  return [...alone, ...first].map(({ labels, pod }) => ({ component: nameOf(labels), labels, pod }));
}

function selects(selector: { matchLabels: Labels } | undefined, labels: Labels): boolean {
  return selector !== undefined && Object.entries(selector.matchLabels).every(([key, value]) => labels[key] === value);
}

/** Whether rules of one direction admit a port of a peer; a peer without labels is outside the release. */
function admits(rules: readonly PolicyRule[], side: 'from' | 'to', peer: Labels | undefined, port: number): boolean {
  return rules.some((rule) => {
    const peers = rule[side];
    const isPeer =
      peers === undefined || (peer !== undefined && peers.some(({ podSelector }) => selects(podSelector, peer)));
    return isPeer && (rule.ports ?? []).some((entry) => entry.port === undefined || entry.port === port);
  });
}

/** Whether the policies let one pod call a port of another. As in Kubernetes, a pod without a policy may do everything. */
function connects(
  policies: readonly KubernetesObject[],
  from: Labels | undefined,
  to: Labels | undefined,
  port: number,
): boolean {
  const of = (labels: Labels) => policies.filter(({ spec }) => selects(spec?.podSelector, labels));
  const allows = (labels: Labels | undefined, side: 'from' | 'to', peer: Labels | undefined): boolean => {
    if (labels === undefined) return true;
    const own = of(labels);
    const rules = own.flatMap(({ spec }) => (side === 'from' ? spec?.ingress : spec?.egress) ?? []);
    return own.length === 0 || admits(rules, side, peer, port);
  };
  return allows(from, 'to', to) && allows(to, 'from', from);
}

/** The connections named in the pods' variables: `from>to:port`, with the pod's port. */
function needed(objects: readonly KubernetesObject[], pods: readonly Pod[], prefix: string): Set<string> {
  const services = objects.filter(({ kind }) => kind === 'Service');
  const edges = new Set<string>();
  for (const { component, pod } of pods) {
    for (const value of pod.containers.flatMap((container) => Object.values(environmentOf(container)))) {
      for (const [, name = '', port] of value.matchAll(new RegExp(`(${prefix}-[a-z0-9*-]+):(\\d+)`, 'g'))) {
        const pattern = new RegExp(`^${name.replaceAll('*', '.+')}$`);
        const called = services.filter(({ metadata }) => pattern.test(metadata.name));
        const ends = called.flatMap((service) => endsOf(service, Number(port), pods));
        assert.ok(ends.length > 0, `${component} calls ${name}:${port}, where nothing listens`);
        for (const end of ends) edges.add(`${component}>${end}`);
      }
    }
  }
  return edges;
}

const portsOf = ({ containers }: PodSpec): number[] =>
  containers.flatMap(({ ports = [] }) => ports.map(({ containerPort }) => containerPort));

/** The pods behind a Service's port, each with its own port. */
function endsOf({ spec, metadata }: KubernetesObject, port: number, pods: readonly Pod[]): string[] {
  const target = spec?.ports?.find((entry) => entry.port === port)?.targetPort;
  return pods
    .filter(({ component }) => component === nameOf(metadata.labels))
    .flatMap(({ component, pod }) => {
      const ports = pod.containers.flatMap((container) => container.ports ?? []);
      const own = ports.find(({ name }) => name === target);
      return own === undefined ? [] : [`${component}:${own.containerPort}`];
    });
}

for (const values of valuesFiles.keys()) {
  describe(`the network policies with ${values} values`, { skip }, () => {
    const objects = skip === false ? render(values) : [];
    const pods = podsOf(objects);
    const policies = objects.filter(({ kind }) => kind === 'NetworkPolicy');
    const prefix = values === 'everything' ? 'aligner' : 'gapo';

    test('deny by default, both ways, and each selects the pods of one component', () => {
      for (const { labels, component } of pods) {
        const own = policies.filter(({ spec }) => selects(spec?.podSelector, labels));
        assert.equal(own.length, 1, component);
        assert.deepEqual(own[0]?.spec?.policyTypes, ['Ingress', 'Egress']);
      }
      assert.equal(policies.length, pods.length);
    });

    test('admit the connections that the services make, and no others among pods of the release', () => {
      const edges = needed(objects, pods, prefix);
      const open = new Set<string>();
      for (const from of pods) {
        for (const to of pods) {
          for (const port of portsOf(to.pod)) {
            if (from !== to && connects(policies, from.labels, to.labels, port)) {
              open.add(`${from.component}>${to.component}:${port}`);
            }
          }
        }
      }
      const exposed = [...open].filter((edge) => !edges.has(edge));
      const missing = [...edges].filter((edge) => !open.has(edge));
      assert.deepEqual(missing, []);
      // Ports open to outside callers, and pods that may call any server, are not restricted for pods of the release.
      const wide = exposed.filter((edge) => !opened(policies, pods, edge));
      assert.deepEqual(wide, []);
      if (values === 'default') assert.deepEqual(exposed, []);
    });

    test('leave name servers reachable, and close what faces outside unless values open it', () => {
      for (const { labels, component } of pods) {
        const port = values === 'openshift' ? 5353 : 53;
        const policy = policies.find(({ spec }) => selects(spec?.podSelector, labels));
        const names = policy?.spec?.egress?.some(({ ports = [] }) => ports.some((entry) => entry.port === port));
        assert.equal(names, component !== 'nats', component);
      }
      const from = pods.filter(({ labels, pod }) =>
        pod.containers.some(({ ports = [] }) =>
          ports.some(({ containerPort }) => connects(policies, undefined, labels, containerPort)),
        ),
      );
      const exposed: Record<string, string[]> = { everything: ['gateway'], openshift: ['gateway'] };
      assert.deepEqual(from.map(({ component }) => component), exposed[values] ?? []); // prettier-ignore
    });
  });
}

/** Whether an edge exists because one end may call, or be called by, anyone on that port. */
function opened(policies: readonly KubernetesObject[], pods: readonly Pod[], edge: string): boolean {
  const [, from = '', to = '', port = ''] = /^(.+)>(.+):(\d+)$/.exec(edge) ?? [];
  const labels = (name: string) => pods.find(({ component }) => component === name)?.labels;
  return (
    connects(policies, labels(from), undefined, Number(port)) || connects(policies, undefined, labels(to), Number(port))
  );
}

test('without policies there are none', { skip }, () => {
  const objects = render('default', 'networkPolicy.enabled=false');
  assert.ok(!objects.some(({ kind }) => kind === 'NetworkPolicy'));
});
