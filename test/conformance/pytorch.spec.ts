/**
 * What engines/pytorch states about this project is correct: release, protocol, spans, and the versions of its
 * packages.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ownProtocol } from '@gapo/rpc';
import { attributeNames, spanNames } from '@gapo/tracing';
import { projectRoot } from './services.js';

const read = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');

test('release.json has the release and the protocol of this build: a coordinator refuses any other', () => {
  const stated: unknown = JSON.parse(read('engines/pytorch/src/gapo_pytorch/release.json'));
  assert.deepEqual(stated, ownProtocol(), 'run node engines/pytorch/release.mjs and commit the result');
});

test('spans and attributes have declared names', () => {
  const declared: readonly string[] = [...Object.values(spanNames), ...Object.values(attributeNames)];
  const constants = [
    ...read('engines/pytorch/src/gapo_pytorch/tracing.py').matchAll(/^(?!PROTOCOL)[A-Z_0-9]+ = "([^"]+)"$/gm),
  ];
  const names = constants.map(([, name = '']) => name);
  assert.ok(names.length > 8);
  assert.deepEqual(
    names.filter((name) => !declared.includes(name)),
    [],
  );
});

test('PyTorch and transformers are those of the oracle’s values', () => {
  const pinsOf = (path: string): ReadonlyMap<string, string> =>
    new Map([...read(path).matchAll(/^([\w.-]+)==(\S+)$/gm)].map(([, name = '', version = '']) => [name, version]));
  const own = pinsOf('engines/pytorch/constraints.txt');
  const oracle = new Map([
    ...pinsOf('test/oracle/text/requirements.txt'),
    ...pinsOf('test/oracle/torch/requirements.txt'),
  ]);
  for (const name of ['torch', 'transformers', 'safetensors']) assert.equal(own.get(name), oracle.get(name), name);
});
