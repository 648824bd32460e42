import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { ConfigError } from './configError.js';
import { finiteNumber, hostPort, positiveInt, word } from './schemas.js';
import { parseYaml } from './yamlFile.js';

const schema = z.object({
  name: z.string(),
  steps: positiveInt.default(3),
  kl: z.object({ beta: finiteNumber, in: z.enum(['reward', 'loss']).default('loss') }),
  objectives: z.array(z.object({ name: z.string(), service: hostPort, weight: finiteNumber.optional() })).min(1),
  method: z.discriminatedUnion('type', [
    z.object({ type: z.literal('gapo'), p: z.number().min(0) }),
    z.object({ type: z.literal('linear'), weights: z.record(word, finiteNumber) }),
  ]),
  threads: z.union([z.literal('auto'), positiveInt]).optional(),
});

const good = `name: demo
kl: { beta: 0.1 }
objectives:
  - name: helpful
    service: 127.0.0.1:7001
method: { type: gapo, p: 1 }
`;

/** Returns the lines of the error. */
function refusal(text: string, by: z.ZodType = schema): string[] {
  try {
    parseYaml(by, text, { source: 'run.yaml' });
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.equal(error.expected, true);
    assert.equal(error.problems.length, error.message.split('\n').length);
    return error.message.split('\n');
  }
  assert.fail('accepted');
}

describe('parseYaml', () => {
  test('returns the typed value with defaults', () => {
    const value = parseYaml(schema, good, { source: 'run.yaml' });
    assert.equal(value.steps, 3);
    assert.equal(value.kl.in, 'loss');
    assert.equal(value.objectives[0]?.service, '127.0.0.1:7001');
  });

  test('reports every problem at once, in the order of the file, each with its place', () => {
    const text = `name: 3
stepz: 1
steps: .nan
kl: { beta: -.inf, in: lost }
objectives:
  - name: a
    servce: a:1
  - name: b
    service: 7001
    weight: "1"
method: { type: gappo, p: 1 }
threads: 0
`;
    assert.deepEqual(refusal(text), [
      'run.yaml:1:7 name: found number 3, expected a string',
      'run.yaml:2:1 stepz: found unknown key "stepz", expected one of name, steps, kl, objectives, method, threads (did you mean "steps"?)',
      'run.yaml:3:8 steps: found number .nan, expected an integer of at least 1',
      'run.yaml:4:13 kl.beta: found number -.inf, expected a finite number',
      'run.yaml:4:24 kl.in: found string "lost", expected one of reward, loss (did you mean "loss"?)',
      'run.yaml:6:5 objectives[0].service: found nothing, expected a host:port string',
      'run.yaml:7:5 objectives[0].servce: found unknown key "servce", expected one of name, service, weight (did you mean "service"?)',
      'run.yaml:9:14 objectives[1].service: found number 7001, expected a host:port string',
      'run.yaml:10:13 objectives[1].weight: found string "1", expected a finite number',
      'run.yaml:11:17 method.type: found string "gappo", expected one of gapo, linear (did you mean "gapo"?)',
      'run.yaml:12:10 threads: found number 0, expected "auto", or an integer of at least 1',
    ]);
  });

  test('keys of the chosen alternative are the known ones', () => {
    assert.deepEqual(refusal(good.replace('p: 1', 'p: 1, weights: {}')), [
      'run.yaml:6:29 method.weights: found unknown key "weights", expected one of type, p',
    ]);
    assert.deepEqual(refusal(good.replace('gapo, p: 1', 'linear, weights: {"a b": 1, c: x}')), [
      'run.yaml:6:35 method.weights["a b"]: found key "a b", expected a key that is a word of at most 63 letters, digits, "-" and "_"',
      'run.yaml:6:48 method.weights.c: found string "x", expected a finite number',
    ]);
  });

  test('a value that is not finite is refused even if the schema accepts any value', () => {
    assert.deepEqual(refusal('a: [1, .nan]', z.object({ a: z.any() })), [
      'run.yaml:1:8 a[1]: found number .nan, expected a finite number',
    ]);
  });

  test('a duplicate key is refused with its full path, together with other problems', () => {
    assert.deepEqual(refusal(good.replace('    service', '    name: again\n    service').replace('demo', '1')), [
      'run.yaml:1:7 name: found number 1, expected a string',
      'run.yaml:5:5 objectives[0].name: found key "name" a second time, expected each key once',
    ]);
  });

  test('a refinement states its expectation and a hint', () => {
    const even = z.object({
      n: z.int().superRefine((n, ctx) => {
        if (n % 2 !== 0) ctx.addIssue({ code: 'custom', message: 'an even integer', params: { hint: `try ${n + 1}` } });
      }),
    });
    assert.deepEqual(refusal('n: 3', even), ['run.yaml:1:4 n: found number 3, expected an even integer (try 4)']);
  });

  for (const [what, text, line] of [
    ['an empty file', '', 'run.yaml:1:1: found an empty file, expected a mapping'],
    ['a file of comments', '# nothing\n', 'run.yaml:1:1: found an empty file, expected a mapping'],
    ['a list', '- 1\n', 'run.yaml:1:1: found a list of 1, expected a mapping'],
    ['a tab', 'a:\n\tb: 1\n', 'run.yaml:2:1: found a tab, expected spaces for indentation'],
    ['two documents', 'a: 1\n---\nb: 2\n', 'run.yaml:2:1: found a second document, expected one document'],
    [
      'an unknown alias',
      'name: *x\n',
      'run.yaml:1:7 name: found alias *x, expected an alias of an anchor set before it',
    ],
  ] as const) {
    test(`${what} is refused`, () => {
      assert.equal(refusal(text)[0], line);
    });
  }

  test('broken YAML names the line', () => {
    assert.match(refusal('name: [1\nkl: 2\n')[0] ?? '', /^run\.yaml:2:1: found broken YAML: .+, expected valid YAML$/);
    const quoting = refusal(`name: x\n>-9${'- '.repeat(3000)}\n`);
    assert.ok(quoting.length > 0 && quoting.every((line) => line.length < 300), quoting.join('\n').slice(0, 1000));
  });

  test('an alias of a part that contains itself, or that nests deeply by aliases, is refused', () => {
    for (const text of ['&a [*a]', 'name: &a { kl: *a }', 'a: &a [{ b: [*a] }]\n']) {
      assert.match(
        refusal(text)[0] ?? '',
        /^run\.yaml:1:\d+ .*found alias \*a, expected .* neither contains itself/,
        text,
      );
    }
    const nested = (inner: string): string => `${'['.repeat(60)}${inner}${']'.repeat(60)}`;
    const parts = Array.from({ length: 3 }, (_, i) => `p${i}: &p${i} ${nested(i === 0 ? '1' : `*p${i - 1}`)}\n`);
    assert.match(
      refusal(parts.join(''))[0] ?? '',
      /^run\.yaml:2:\d+ .*found alias \*p0, expected .* nests more than 100/,
    );
  });

  test('an alias of a part works, one that grows without bound is refused', () => {
    const list = z.object({ a: z.array(z.int()), b: z.array(z.int()) });
    assert.deepEqual(parseYaml(list, 'a: &x [1, 2]\nb: *x\n', { source: 'x' }).b, [1, 2]);
    const bomb = ['a: &a [1,1,1,1,1,1,1,1,1]'];
    for (const [i, key] of [...'bcdefgh'].entries()) {
      const before = 'abcdefgh'[i];
      bomb.push(`${key}: &${key} [${Array(9).fill(`*${before}`).join(',')}]`);
    }
    assert.match(refusal(bomb.join('\n'), z.any())[0] ?? '', /more than 100 times/);
  });

  // A recursive parser would crash the process when V8 has no stack left to compile a regular expression.
  for (const [what, text] of Object.entries({
    'flow lists': '['.repeat(2000),
    'flow mappings': '{"a":'.repeat(20_000),
    'lists on a line': `name: x\nkl:\n  ${'- '.repeat(3000)}`,
    'complex keys': '? '.repeat(2000),
    'lists that are closed': `name: ${'['.repeat(300)}${']'.repeat(300)}`,
  })) {
    test(`${what} without end are refused with their place`, () => {
      assert.match(
        refusal(text)[0] ?? '',
        /^run\.yaml:\d+:\d+: found more than 100 parts within each other, expected /,
      );
    });
  }

  test('long keys, long words and many problems are quoted briefly', () => {
    const [line = ''] = refusal(`${good}${'k'.repeat(900)}: 1\n`);
    assert.match(line, /^run\.yaml:7:1 k{60}\.\.\.: found unknown key "k{60}\.\.\."/);
    const keys = Array.from({ length: 80 }, (_, i) => `key${i}: 1`).join('\n');
    assert.throws(
      () => parseYaml(schema, `${good}${keys}`, { source: 'run.yaml' }),
      (error) => {
        assert.ok(error instanceof ConfigError);
        assert.equal(error.problems.length, 80);
        assert.match(error.message, /\nrun\.yaml: and 30 more problems$/);
        return true;
      },
    );
  });
});
