/** The operator in the chart: off by default, with the rights that it needs and no more, and settings that it knows. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
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
    const definition = objects.find(({ kind }) => kind === 'CustomResourceDefinition') ?? assert.fail('no definition');
    assert.equal(definition.metadata.annotations?.['helm.sh/resource-policy'], 'keep');
    const file = join(projectRoot, 'deploy/helm/gapo/resources/trainingruns.gapo.dev.yaml');
    assert.deepEqual(definition.spec, (parse(readFileSync(file, 'utf8')) as KubernetesObject).spec);
    assert.deepEqual(rights(objects, 'Role'), [
      'trainingruns get list watch patch',
      'trainingruns/status update',
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
