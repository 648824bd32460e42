/** docs/configuration.md and the JSON Schema: generated, complete, and consistent with the parser. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { methods } from '@gapo/objectives';
import { parseYaml, z } from '@gapo/service';
import { Ajv } from 'ajv';
import { readRewardsFile } from '../rewards/rewardsFile.js';
import { runConfigJsonSchema } from '../run/jsonSchema.js';
import { objectiveNames, parseRunConfig } from '../run/runConfig.js';
import { jsonSchemaFile, referenceFile } from './files.js';
import { withTables } from './tables.js';

interface JsonSchema {
  description?: string;
  const?: unknown;
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema | JsonSchema[];
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  additionalProperties?: JsonSchema | boolean;
}

const root = new URL('../../../../../', import.meta.url);
const example = new URL('examples/assistant/', root);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

const reference = readFileSync(referenceFile, 'utf8');
const jsonSchema = runConfigJsonSchema();

/** Lists the keys at every depth, with their schemas. */
function keysOf({
  properties = {},
  items = [],
  anyOf = [],
  oneOf = [],
  additionalProperties,
}: JsonSchema): [string, JsonSchema][] {
  const inner = [...Object.values(properties), ...anyOf, ...oneOf, ...[items].flat()];
  if (typeof additionalProperties === 'object') inner.push(additionalProperties);
  return [...Object.entries(properties), ...inner.flatMap(keysOf)];
}

/** The words in code quotes outside of examples: `gae.valueClip` names valueClip. */
const named = new Set(
  [...reference.replaceAll(/^```[^]*?^```/gm, '').matchAll(/`([^`]+)`/g)].flatMap(([, code = '']) =>
    code.split(/[^\w-]+/),
  ),
);

test('the committed files are up to date with the schema', () => {
  const advice = 'run `npm run build && npm run docs:configuration`';
  assert.equal(reference, withTables(reference), advice);
  assert.equal(readFileSync(jsonSchemaFile, 'utf8'), `${JSON.stringify(jsonSchema, null, 2)}\n`, advice);
});

test('every key of the run configuration has a description and is in its document', () => {
  const keys = keysOf(jsonSchema);
  assert.ok(keys.length > 60, `${keys.length} keys: the schema was not walked`);
  const unnamed = keys.filter(([key]) => !named.has(key)).map(([key]) => key);
  assert.deepEqual([...new Set(unnamed)], []);
  const undescribed = keys.filter(([, schema]) => schema.const === undefined && schema.description === undefined);
  assert.deepEqual([...new Set(undescribed.map(([key]) => key))], []);
});

test('every method of combination is in its document', () => {
  assert.deepEqual(
    methods.filter((method) => !named.has(method)),
    [],
  );
});

test('the JSON Schema and the parser accept the examples of the repository, and refuse an unknown key', () => {
  const validate = new Ajv({ allErrors: true, strict: true, strictTypes: false }).compile(jsonSchema);
  const rewards = readRewardsFile(fileURLToPath(new URL('rewards.yaml', example))).map(({ name }) => name);
  const examples = readdirSync(example)
    .filter((name) => name.endsWith('.yaml') && name !== 'rewards.yaml')
    .map((name) => read(`examples/assistant/${name}`));
  assert.ok(examples.length > 3);
  const inText = [reference, read('README.md')].flatMap((text) =>
    [...text.matchAll(/^```yaml\n([^]*?)^```/gm)].flatMap(([, yaml = '']) => (/^steps:/m.test(yaml) ? [yaml] : [])),
  );
  assert.equal(inText.length, 2);
  const wrong = 'rollouts: { shards: 2 }\n';
  for (const text of [...examples, ...inText]) {
    const values = (yaml: string): unknown =>
      parseYaml(z.record(z.string(), z.unknown()), yaml, { source: 'run.yaml' });
    assert.ok(validate(values(text)), JSON.stringify(validate.errors));
    parseRunConfig(text, 'run.yaml', undefined);
    assert.equal(validate(values(text + wrong)), false);
    assert.match(JSON.stringify(validate.errors), /"additionalProperty":"rollouts"/);
    assert.throws(() => parseRunConfig(text + wrong, 'run.yaml', undefined), /did you mean "rollout"\?/);
  }
  for (const text of examples) {
    const [modeline = ''] = text.split('\n');
    const path = /^# yaml-language-server: \$schema=(.*)$/.exec(modeline)?.[1] ?? assert.fail(modeline);
    assert.equal(new URL(path, example).href, jsonSchemaFile.href);
    const objectives = objectiveNames(parseRunConfig(text, 'run.yaml', undefined));
    assert.deepEqual(
      objectives.filter((name) => !rewards.includes(name)),
      [],
      'rewards.yaml has a service for each',
    );
  }
});
