// Writes what derives from the registries of reward kinds and rule kinds: the chart's schema, its variables and comments,
// the definition of RewardService, and the tables of README.md.
//   node kinds.gen.mjs           writes
//   node kinds.gen.mjs --check   writes nothing; exits with 1 and names the files that are out of date
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { pathTarget, rewardKinds, variableOf } from '@gapo/config';
import { z } from '@gapo/service';
import prettier from 'prettier';
import { rewardServiceText } from '../operator/dist/resource/definition.js';
import { ruleKinds } from './dist/rules/kinds/ruleKinds.js';
import { rulesFileSchema } from './dist/rules/rulesFile.js';

/** @typedef {import('@gapo/config').RewardKinds} RewardKinds */

/** Keys of an entry in the chart's values that only a kind of its own has: an image that is not the platform's. */
const custom = { required: ['image'], keys: ['image', 'port', 'runAsUser'] };

/** Keys of an entry of every kind that the platform's own service hosts. */
const hosted = ['text'];

/** Keys of an entry of every kind that sends a token. */
const sending = ['tokenSecret'];

/** Marks the properties of the chart's schema that are written here. */
const comment = 'written by services/reward/kinds.gen.mjs';

/**
 * The chart's schema with the keys of some kinds in place of those that it has.
 *
 * @param {any} schema values.schema.json
 * @param {RewardKinds} kinds
 */
export function chartSchema(schema, kinds) {
  const { reward } = schema.definitions;
  const keys = Object.fromEntries(Object.values(kinds).flatMap(({ entry }) => Object.entries(entry)));
  const known = Object.entries(reward.properties).filter(([, property]) => property.$comment !== comment);
  const [identity, others] = [known.slice(0, 2), known.slice(2).filter(([key]) => key !== 'kind')];
  const properties = Object.fromEntries([
    ...identity,
    ['kind', { enum: [...Object.keys(kinds), 'custom'] }],
    ...Object.entries(keys).map(([key, entry]) => [key, { $comment: comment, ...jsonSchema(entry) }]),
    ...others,
  ]);
  const rules = [
    ...Object.entries(kinds).map(([kind, { entry }]) => ({
      kind,
      own: [...Object.keys(entry), ...hosted, ...('tokenFile' in entry ? sending : [])],
      required: requiredKeys(entry),
    })),
    { kind: 'custom', own: custom.keys, required: custom.required },
  ];
  const particular = [...Object.keys(keys), ...hosted, ...sending, ...custom.keys];
  const allOf = rules.map(({ kind, own, required }) => ({
    if: { properties: { kind: { const: kind } } },
    then: {
      required,
      properties: Object.fromEntries(particular.filter((key) => !own.includes(key)).map((key) => [key, false])),
    },
  }));
  const definitions = { ...schema.definitions, reward: { ...reward, properties, allOf } };
  return { ...schema, definitions };
}

function requiredKeys(entry) {
  return Object.entries(entry).flatMap(([key, schema]) => (schema.safeParse(undefined).success ? [] : [key]));
}

function jsonSchema(schema) {
  const { type, description, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const rules = Object.entries(rest).filter(([key]) => !['$schema', 'expected', 'path'].includes(key));
  return {
    type,
    ...Object.fromEntries(rules),
    ...(pathTarget(schema) !== undefined && { minLength: 1 }),
    description,
  };
}

/**
 * What the chart's template needs of the kinds: the variable of each key, and whether it is a path.
 *
 * @param {RewardKinds} kinds
 */
export function chartVariables(kinds) {
  return Object.fromEntries(
    Object.entries(kinds).map(([kind, { entry }]) => [
      kind,
      Object.fromEntries(
        Object.entries(entry).map(([key, schema]) => [
          key,
          { variable: variableOf(key), path: pathTarget(schema) !== undefined },
        ]),
      ),
    ]),
  );
}

/**
 * The lines of values.yaml about the keys of an entry.
 *
 * @param {RewardKinds} kinds
 */
export function chartComments(kinds) {
  const row = (key, text) => `#   ${key.padEnd(11)} ${text}`;
  return [
    ...Object.entries(kinds).map(([kind, { summary }], i) => row(i === 0 ? 'kind' : '', `${kind}: ${summary}`)),
    row('', 'custom: an image of your own that serves gapo.reward.v1'),
    ...keysOf(kinds).map(({ key, schema, of }) =>
      row(key, `kind${of.length > 1 ? 's' : ''} ${of.join(', ')}: ${schema.description}`),
    ),
    row('', 'paths are absolute, or relative to project.mountPath'),
  ];
}

/** Each key of an entry once, with the kinds that have it. */
function keysOf(kinds) {
  const keys = new Map();
  for (const [kind, { entry }] of Object.entries(kinds)) {
    for (const [key, schema] of Object.entries(entry))
      keys.set(key, { key, schema, of: [...(keys.get(key)?.of ?? []), kind] });
  }
  return [...keys.values()];
}

/**
 * The table of kinds.
 *
 * @param {RewardKinds} kinds
 */
export function kindsTable(kinds) {
  const code = (text) => `\`${text}\``;
  return table(
    ['kind', 'what scores', 'key in rewards.yaml', 'its variable', 'further settings'],
    Object.entries(kinds).map(([kind, { summary, entry, settings }]) => [
      `[${code(kind)}](#${kind})`,
      summary,
      Object.entries(entry)
        .map(([key, schema]) => `${code(key)}: ${schema.description}`)
        .join('; '),
      Object.keys(entry)
        .map((key) => code(variableOf(key)))
        .join(', '),
      Object.keys(settings).map(code).join(', ') || 'none',
    ]),
  );
}

/** The table of what rules measure. */
function ruleKindsTable(kinds) {
  return table(
    ['kind', 'measure'],
    kinds.map(({ name, measures }) => [`\`${name}\``, measures]),
  );
}

function table(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

/** A text with other lines between `table: NAME` and the next `end`, each in a comment of its own line. */
function withTable(text, name, lines) {
  const place = new RegExp(`^(\\S+ table: ${name}\\b.*\\n)[^]*?^(\\S+ end\\b.*)$`, 'm');
  if (!place.test(text)) throw new Error(`there is no place for the table ${name}`);
  return text.replace(place, (_, begin, end) => `${begin}${lines.join('\n')}\n${end}`);
}

/** The JSON Schema of a file of rules; each kind says what it measures. */
function rulesJsonSchema() {
  const schema = z.toJSONSchema(rulesFileSchema(ruleKinds), {
    target: 'draft-7',
    io: 'input',
    override({ jsonSchema }) {
      for (const key of ['expected', 'path']) delete jsonSchema[key];
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  const alternatives = schema.properties.rules.items.oneOf;
  alternatives.forEach((alternative, i) => (alternative.description = ruleKinds[i].measures));
  return schema;
}

const outputs = [
  ['deploy/helm/gapo/values.schema.json', (text) => JSON.stringify(chartSchema(JSON.parse(text), rewardKinds))],
  ['deploy/helm/gapo/reward-kinds.json', () => JSON.stringify(chartVariables(rewardKinds))],
  ['deploy/helm/gapo/values.yaml', (text) => withTable(text, 'reward kinds', chartComments(rewardKinds))],
  ['deploy/helm/gapo/resources/rewardservices.gapo.dev.yaml', () => rewardServiceText(rulesJsonSchema())],
  [
    'services/reward/README.md',
    (text) =>
      [
        ['kinds', kindsTable(rewardKinds)],
        ['rule kinds', ruleKindsTable(ruleKinds)],
      ].reduce((sofar, [name, lines]) => withTable(sofar, name, ['', ...lines, '']), text),
  ],
];

async function write(check) {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const stale = [];
  for (const [file, derive] of outputs) {
    const path = `${root}${file}`;
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    const options = { ...(await prettier.resolveConfig(path)), filepath: path };
    const derived = await prettier.format(derive(text), options);
    if (derived === text) continue;
    stale.push(file);
    if (!check) writeFileSync(path, derived);
  }
  if (check && stale.length > 0) {
    console.error(`out of date: ${stale.join(', ')}; run \`npm run docs:rewards\` and commit what it writes`);
    process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await write(process.argv.includes('--check'));
