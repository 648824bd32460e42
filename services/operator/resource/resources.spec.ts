/** The custom resource definitions are structural, and the committed files match their schemas. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseYaml, z } from '@gapo/service';
import { definitionFile, trainingRunText } from './definition.js';
import { rewardServices, trainingRuns } from './names.js';
import { rewardServiceSpec, rewardServiceStatus } from './rewardService.js';
import { trainingRun } from './trainingRun.js';
import { trainingRunDefinition } from './trainingRunResource.js';

interface Node {
  type?: string;
  properties?: Record<string, Node>;
  additionalProperties?: Node;
  items?: Node;
  'x-kubernetes-preserve-unknown-fields'?: true;
  'x-kubernetes-int-or-string'?: true;
}

/** Every schema below one, with its path. */
function* nodesOf(node: Node, path: string): Generator<[path: string, node: Node]> {
  yield [path, node];
  for (const [key, held] of Object.entries(node.properties ?? {})) yield* nodesOf(held, `${path}.${key}`);
  if (node.additionalProperties) yield* nodesOf(node.additionalProperties, `${path}.*`);
  if (node.items) yield* nodesOf(node.items, `${path}[]`);
}

interface Definition {
  spec: { versions: [{ schema: { openAPIV3Schema: { properties: { spec: Node; status: Node } } } }] };
}

function partsOf(definition: Definition): { spec: Node; status: Node; nodes: [path: string, node: Node][] } {
  const { spec, status } = definition.spec.versions[0].schema.openAPIV3Schema.properties;
  return { spec, status, nodes: [...nodesOf(spec, 'spec'), ...nodesOf(status, 'status')] };
}

const run = partsOf(trainingRunDefinition() as Definition);
// `npm run docs:rewards` writes it, from the registry of rule kinds too.
const reward = partsOf(
  parseYaml(z.custom<Definition>(), readFileSync(definitionFile(rewardServices), 'utf8'), { source: 'rewardservices' }),
);

test('the committed definition is the generated one: npm run docs:crd writes it', () => {
  assert.equal(readFileSync(definitionFile(trainingRuns), 'utf8'), trainingRunText());
});

test('every value has one type, or is one of the few that have several', () => {
  const openIn = (nodes: readonly [path: string, node: Node][]): string[] =>
    nodes.filter(([, node]) => node['x-kubernetes-preserve-unknown-fields'] === true).map(([path]) => path);
  assert.deepEqual(openIn(run.nodes), [
    'spec.config.policy.lora.targets',
    'spec.config.policy.chatTemplateKwargs',
    'spec.config.policy.condition',
    'spec.config.combine.source',
    'spec.config.combine.preference',
    'spec.config.combine.weights',
    'spec.config.ppo.normalizeAdvantages',
    'spec.config.kl.controller',
    'spec.config.samples',
  ]);
  assert.deepEqual(openIn(reward.nodes), [
    'spec.rules.inline.rules[].words',
    'spec.rules.inline.rules[].schema',
    'spec.rules.inline.rules[].answers',
    'spec.env[].valueFrom',
    'spec.envFrom[]',
    'spec.affinity',
  ]);
  for (const { nodes } of [run, reward]) {
    const untyped = nodes.filter(([, node]) => node.type === undefined && node['x-kubernetes-int-or-string'] !== true);
    assert.deepEqual(
      untyped.map(([path]) => path).filter((path) => !openIn(nodes).includes(path)),
      [],
    );
  }
});

test('the API server writes no defaults into a resource, and gets no keyword that structural schemas lack', () => {
  const refused = ['default', 'const', 'oneOf', 'anyOf', 'propertyNames', '$ref', 'additionalItems'];
  const found = [...run.nodes, ...reward.nodes].flatMap(([path, node]) =>
    refused.filter((key) => key in node).map((key) => `${path}: ${key}`),
  );
  assert.deepEqual(found, []);
});

test('what the operator writes into a status is described, and nothing else', () => {
  const described = ({ properties = {} }: Node): string[] => Object.keys(properties).toSorted();
  const { spec, status } = trainingRun.shape;
  assert.deepEqual(Object.keys(status.unwrap().shape).toSorted(), described(run.status));
  assert.deepEqual(Object.keys(spec.shape).toSorted(), described(run.spec));
  assert.deepEqual(Object.keys(rewardServiceStatus.shape).toSorted(), described(reward.status));
  assert.deepEqual(Object.keys(rewardServiceSpec.shape).toSorted(), described(reward.spec));
});
