// docs/configuration.md names every key of the run configuration, and no method is left out.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { methods } from '@gapo/objectives';
import { z } from '@gapo/service';
import { shape } from './runConfig.js';

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  additionalProperties?: JsonSchema | boolean;
}

/** Names of all keys, at whatever depth. */
function keysOf({ properties = {}, items, anyOf = [], oneOf = [], additionalProperties }: JsonSchema): string[] {
  const inner = [...Object.values(properties), ...anyOf, ...oneOf, ...(items ? [items] : [])];
  if (typeof additionalProperties === 'object') inner.push(additionalProperties);
  return [...Object.keys(properties), ...inner.flatMap(keysOf)];
}

const text = readFileSync(new URL('../../../../docs/configuration.md', import.meta.url), 'utf8').replaceAll(
  /^```[^]*?^```/gm,
  '',
);
/** Everything in code quotes, in words: `gae.valueClip` names valueClip. */
const named = new Set([...text.matchAll(/`([^`]+)`/g)].flatMap(([, code]) => code!.split(/[^\w-]+/)));

test('every key of the run configuration is in its document', () => {
  const keys = keysOf(z.toJSONSchema(shape, { io: 'input', unrepresentable: 'any' }) as JsonSchema);
  assert.ok(keys.length > 60, `${keys.length} keys: the schema was not walked`);
  assert.deepEqual(
    [...new Set(keys)].filter((key) => !named.has(key)),
    [],
  );
});

test('every method of combination is in its document', () => {
  assert.deepEqual(
    methods.filter((method) => !named.has(method)),
    [],
  );
});
