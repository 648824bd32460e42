// A combiner is a definition and a line in the registry: configuration, checks, combination and documentation follow.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { combine, combinerOf, combiners, defineCombiner, gramMatrix } from '@gapo/objectives';
import { ConfigError, parseValue, z } from '@gapo/service';
import { alternativesOf } from '../document/fields.js';
import { checkCombination, combinerSettings, combineSchema, type CombinationConfig } from './combine.js';

/** d = scale · g of the objective with the longest gradient. */
const longest = defineCombiner({
  summary: 'the longest gradient',
  source: 'a test',
  settings: {
    scale: z.number().gt(0).meta({ expected: 'a number over 0' }).default(1).describe('Factor of the gradient.'),
  },
  check: ({ scale }, names, refuse) => {
    if (scale > names.length) refuse(['scale'], `at most the number of objectives, ${names.length}`);
  },
  options: ({ scale }) => ({ scale }),
  choose: (gram, { scale }) => {
    const squares = gram.names.map((_, i) => gram.values[i * gram.names.length + i] ?? 0);
    const alpha = new Float64Array(squares.length);
    alpha[squares.indexOf(Math.max(...squares))] = 1;
    return { alpha, weights: alpha.map((share) => scale * share), leftOut: [], certificate: null };
  },
});

const registry = { ...combiners, longest };
const names = ['a', 'b'];

/** Parses `combine` as part of a run configuration, with the rules between fields. */
function configOf(combineValue: unknown): CombinationConfig {
  const schema = z.strictObject({ combine: combineSchema(registry) }).superRefine((config, context) => {
    checkCombination(config, names, (path, message) => context.addIssue({ code: 'custom', path, message }), registry);
  });
  return parseValue(schema, { combine: combineValue }, 'run.yaml');
}

test('the schema accepts the new method with its default, and the settings of all methods', () => {
  assert.deepEqual(configOf({ method: 'longest' }).combine, {
    method: 'longest',
    scale: 1,
    source: 'exact',
    refreshEvery: 1,
    checkEvery: 10,
  });
});

test('errors name its settings, and its own check runs', () => {
  const refused = (combineValue: unknown, message: RegExp): void =>
    assert.throws(
      () => configOf(combineValue),
      (error) => error instanceof ConfigError && message.test(error.message),
    );
  refused({ method: 'longest', scale: 0 }, /combine\.scale: found number 0, expected a number over 0/);
  refused(
    { method: 'longest', scale: 3 },
    /combine\.scale: found number 3, expected at most the number of objectives, 2/,
  );
  refused({ method: 'longest', size: 3 }, /combine\.size: found unknown key "size"/);
  refused({ method: 'shortest' }, /combine\.method: .*, longest/);
});

test('it combines gradients by the options that follow from its settings', () => {
  const config = configOf({ method: 'longest', scale: 2 });
  const step = {
    names,
    seed: 1,
    step: 1,
    weights: new Float64Array(2),
    preference: new Float64Array(2),
    memory: {},
    noonAdvantages: [0, 0],
    losses: [],
  };
  const options = combinerOf('longest', registry).options(combinerSettings(config, registry), step);
  const gram = gramMatrix([Float32Array.of(1, 0), Float32Array.of(3, 4)], names);
  const { weights, progress } = combine(gram, { method: 'longest', ...options }, registry);
  assert.deepEqual([...weights], [0, 2]);
  assert.deepEqual([...progress], [6, 50]);
});

test('the documentation has a row for it, and its settings', () => {
  const { tag, description, fields } = alternativesOf(combineSchema(registry)).at(-1) ?? assert.fail();
  assert.deepEqual([tag, description], ['longest', 'the longest gradient (a test)']);
  assert.deepEqual(fields[0], {
    path: 'scale',
    values: 'a number over 0',
    fallback: '`1`',
    description: 'Factor of the gradient.',
  });
});
