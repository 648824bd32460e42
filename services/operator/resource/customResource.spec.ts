/** The definition of the custom resource is structural, and the committed file is what the schema of the run configuration gives. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { customResource } from './customResource.js';
import { definitionFile, definitionText } from './definition.js';
import { trainingRun } from './trainingRun.js';

interface Node {
  type?: string;
  properties?: Record<string, Node>;
  additionalProperties?: Node;
  items?: Node;
  'x-kubernetes-preserve-unknown-fields'?: true;
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
const { spec, status } = (customResource() as Definition).spec.versions[0].schema.openAPIV3Schema.properties;
const nodes = [...nodesOf(spec, 'spec'), ...nodesOf(status, 'status')];

test('the committed definition is the generated one: npm run docs:crd writes it', () => {
  assert.equal(readFileSync(definitionFile, 'utf8'), definitionText());
});

test('every value has one type, or is one of the few that have several', () => {
  const open = nodes.filter(([, node]) => node['x-kubernetes-preserve-unknown-fields'] === true).map(([path]) => path);
  assert.deepEqual(open, [
    'spec.config.policy.lora.targets',
    'spec.config.policy.chatTemplateKwargs',
    'spec.config.combine.source',
    'spec.config.combine.preference',
    'spec.config.combine.weights',
    'spec.config.kl.controller',
  ]);
  assert.deepEqual(
    nodes.filter(([path, { type }]) => type === undefined && !open.includes(path)).map(([path]) => path),
    [],
  );
});

test('the API server writes no defaults into a resource, and gets no keyword that structural schemas lack', () => {
  const refused = ['default', 'const', 'oneOf', 'anyOf', 'propertyNames', '$ref', 'additionalItems'];
  const found = nodes.flatMap(([path, node]) => refused.filter((key) => key in node).map((key) => `${path}: ${key}`));
  assert.deepEqual(found, []);
});

test('what the operator writes into a status is described, and nothing else', () => {
  const described = Object.keys(status.properties ?? {}).toSorted();
  assert.deepEqual(Object.keys(trainingRun.shape.status.unwrap().shape).toSorted(), described);
  assert.deepEqual(Object.keys(trainingRun.shape.spec.shape).toSorted(), Object.keys(spec.properties ?? {}).toSorted());
});
