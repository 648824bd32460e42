// The measures of rules about words, readability, JSON and correct answers, and what each kind rejects in a
// file.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { oneTurn } from '@gapo/reward/testing';
import { nonEmptyText } from '@gapo/service';
import { temporaryDirectory } from '@gapo/service/testing';
import fc from 'fast-check';
import { compile, scoreRange } from '../measure.js';
import { readRules, rulesVersion, type Rules } from '../rulesFile.js';
import { fenced } from './json.js';
import { readingEase, syllables } from './readability.js';
import { ruleKind } from './ruleKind.js';
import { ruleKinds } from './ruleKinds.js';

/** Reads a rules file with other files next to it. */
async function rulesOf(t: TestContext, rules: string, files: Record<string, string> = {}): Promise<Rules> {
  const path = join(await temporaryDirectory(t), 'rules', 'x.yaml');
  for (const [name, content] of Object.entries({ 'x.yaml': `objective: x\nrules:\n  - ${rules}\n`, ...files })) {
    const file = join(dirname(path), name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
  return readRules(path);
}

type Score = (completion: string, prompt?: string, metadata?: Readonly<Record<string, string>>) => number;

async function scorer(t: TestContext, rules: string, files?: Record<string, string>): Promise<Score> {
  const measure = compile((await rulesOf(t, rules, files)).rules);
  return (completion, prompt = 'p', metadata = {}) => measure(oneTurn(prompt, completion, metadata));
}

/** Asserts that a file is rejected with a message. */
async function refused(t: TestContext, rules: string, message: RegExp, files?: Record<string, string>): Promise<void> {
  await assert.rejects(rulesOf(t, rules, files), (error: Error) => {
    assert.match(error.message, message);
    return true;
  });
}

describe('lexicon', () => {
  const words = "{ kind: lexicon, words: { great: 1, 'thank you': 2, awful: -1.5 } }";

  test('the weights of the words that occur, whole and in any case, once each', async (t) => {
    const score = await scorer(t, words);
    assert.equal(score('GREAT, great! Thank you.'), 3);
    assert.equal(score('greater thanks, awfully'), 0);
    assert.equal(score('awful'), -1.5);
    assert.equal(score(''), 0);
  });

  test('each word counts up to `most` times; the range follows from the weights', async (t) => {
    const rules = "{ kind: lexicon, words: { great: 1, 'thank you': 2, awful: -1.5 }, most: 2, weight: -2 }";
    const score = await scorer(t, rules);
    assert.equal(score('great great great awful'), -2 * (2 - 1.5));
    assert.deepEqual(scoreRange((await rulesOf(t, rules)).rules), { minimum: -12, maximum: 6 });
  });

  test('an invalid rule is refused with the place of the mistake', async (t) => {
    await refused(t, '{ kind: lexicon, words: {} }', /rules\[0\]\.words: found .*expected at least one word/);
    await refused(
      t,
      '{ kind: lexicon, words: { Good: 1, good: 2 } }',
      /rules\[0\]\.words\.good: found number 2, expected one weight for "Good" in any case/,
    );
    await refused(
      t,
      '{ kind: lexicon, words: { good: high } }',
      /rules\[0\]\.words\.good: found string "high", expected a number from/,
    );
    await refused(t, '{ kind: lexicon, words: { good: 1 }, most: 0 }', /rules\[0\]\.most/);
  });
});

const platypus = 'The Australian platypus is seemingly a hybrid of a mammal and reptilian creature.';

describe('readability', () => {
  test('syllables are runs of vowels without a silent final e', () => {
    const counts = {
      cat: 1,
      make: 1,
      makes: 1,
      asked: 1,
      wanted: 2,
      table: 2,
      whole: 1,
      boxes: 2,
      agree: 2,
      rhythm: 1,
      the: 1,
      creature: 2,
      '42': 1,
    };
    for (const [word, count] of Object.entries(counts)) assert.equal(syllables(word), count, word);
  });

  test('reading ease is 206.835 - 1.015 words/sentences - 84.6 syllables/words', () => {
    const cases: readonly (readonly [string, number])[] = [
      ['The cat sat on the mat.', 206.835 - 1.015 * 6 - 84.6],
      ['Open the window. It is "too hot!" she said', 206.835 - 1.015 * 3 - (84.6 * 11) / 9],
      [platypus, 206.835 - 1.015 * 13 - (84.6 * 24) / 13],
    ];
    for (const [text, expected] of cases) assert.ok(Math.abs((readingEase(text) ?? NaN) - expected) < 1e-9, text);
    assert.equal(readingEase(' ... '), undefined);
  });

  test('the measure is its hundredth, from 0 to 1', async (t) => {
    const score = await scorer(t, '{ kind: readability }');
    assert.equal(score('The cat sat.'), 1);
    assert.equal(score('Institutional internationalization'), 0);
    assert.equal(score(''), 0);
    const middle = score(platypus);
    assert.ok(Math.abs(middle - 0.3746) < 1e-4, `${middle}`);
  });
});

describe('json', () => {
  const schema =
    '{ type: object, properties: { name: { type: string }, age: { type: integer } }, required: [name], additionalProperties: false }';

  test('without a schema, any JSON and nothing else', async (t) => {
    const score = await scorer(t, '{ kind: json }');
    for (const text of ['{}', ' [1, "a"]\n', '"x"', 'null']) assert.equal(score(text), 1, text);
    for (const text of ['', '{', "{'a': 1}", 'x {}', '```json\n{}\n```']) assert.equal(score(text), 0, text);
  });

  test('with a schema, any JSON that is valid under it', async (t) => {
    const score = await scorer(t, `{ kind: json, schema: ${schema} }`);
    assert.equal(score('{"name": "Ada", "age": 36}'), 1);
    for (const text of ['{"age": 36}', '{"name": 1}', '{"name": "Ada", "x": 1}', '[]', 'Ada'])
      assert.equal(score(text), 0, text);
  });

  test('from the first code fence', async (t) => {
    const score = await scorer(t, `{ kind: json, from: fence, schema: ${schema} }`);
    assert.equal(score('Here:\n```json\n{"name": "Ada"}\n```\nDone. ```'), 1);
    assert.equal(score('~~~~\n{"name":\n"Ada"}\n~~~~~'), 1);
    for (const text of [
      '{"name": "Ada"}',
      '```\n{"name": "Ada"}',
      '```\n[]\n```\n```\n{"name": "Ada"}\n```',
      '`{"name": "Ada"}`',
    ])
      assert.equal(score(text), 0, text);
    assert.equal(fenced('a\r\n  ```\r\nx\r\n~~~\r\n  ```'), 'x\n~~~');
    assert.equal(fenced('```a`b\n1\n```\n2\n```'), '2');
  });

  test('the dialect is 2020-12, or draft 7 if the schema says so', async (t) => {
    const tuple = '{ prefixItems: [{ const: 1 }], type: array, minItems: 1, items: false }';
    const newer = await scorer(t, `{ kind: json, schema: ${tuple} }`);
    assert.deepEqual([newer('[1]'), newer('[1, 2]')], [1, 0]);
    const seven =
      "{ $schema: 'http://json-schema.org/draft-07/schema#', items: [{ const: 1 }], type: array, minItems: 1, additionalItems: false }";
    const older = await scorer(t, `{ kind: json, schema: ${seven} }`);
    assert.deepEqual([older('[1]'), older('[2]'), older('[1, 2]')], [1, 0, 0]);
  });

  test('formats are not checked', async (t) => {
    const score = await scorer(t, '{ kind: json, schema: { type: string, format: email } }');
    assert.equal(score('"no address"'), 1);
  });

  test('JSON nested too deeply to parse is not valid', async (t) => {
    const score = await scorer(
      t,
      '{ kind: json, schema: { $ref: "#/$defs/a", $defs: { a: { type: array, items: { $ref: "#/$defs/a" } } } } }',
    );
    assert.deepEqual([score('[[]]'), score('[1]'), score('['.repeat(1e6) + ']'.repeat(1e6))], [1, 0, 0]);
  });

  test('an invalid schema is refused with its place', async (t) => {
    await refused(
      t,
      '{ kind: json, schema: { type: objekt } }',
      /rules\[0\]\.schema: found .*expected a JSON Schema \(schema is invalid: .*type/,
    );
    await refused(t, '{ kind: json, schema: { typ: object } }', /rules\[0\]\.schema: .*unknown keyword: "typ"/);
    await refused(t, `{ kind: json, schema: { ${'k'.repeat(1000)}: 1 } }`, /unknown keyword: "k{100,200}\.\.\.\)/);
    await refused(
      t,
      '{ kind: json, schema: { $ref: "http://elsewhere/x" } }',
      /rules\[0\]\.schema: .*can't resolve reference/,
    );
    await refused(
      t,
      '{ kind: json, schema: x }',
      /rules\[0\]\.schema: found string "x", expected a JSON Schema, a mapping/,
    );
  });
});

describe('exact', () => {
  test('one of the texts, in any case, composition and white space, unless strict', async (t) => {
    const score = await scorer(t, "{ kind: exact, texts: ['Yes', 'du café'] }");
    for (const text of ['Yes', ' yes\n', 'DU  CAFE\u0301']) assert.equal(score(text), 1, text);
    for (const text of ['yes.', 'ye s', '']) assert.equal(score(text), 0, text);
    const strict = await scorer(t, "{ kind: exact, texts: ['Yes'], strict: true }");
    assert.deepEqual([strict('Yes'), strict('yes'), strict('Yes ')], [1, 0, 0]);
  });

  test('the first group of the last match of a pattern', async (t) => {
    const score = await scorer(t, "{ kind: exact, texts: ['42'], extract: 'answer: *(\\d+)', flags: i }");
    assert.equal(score('Answer: 7. No, the answer:  42!'), 1);
    assert.equal(score('answer: 42, or answer: 7'), 0);
    assert.equal(score('42'), 0);
  });

  test('the right answers to its own prompt, from the file and from others; without any there is no score', async (t) => {
    const files = {
      'train.jsonl':
        '{"id": "1", "prompt": "2 + 2?", "reference": "4"}\n\n{"prompt": "3 or 5?", "reference": ["3", "5"]}\n',
      '../more/heldout.jsonl': '{"prompt": "__proto__", "reference": "x"}',
    };
    const rules = "{ kind: exact, answers: { '1 + 1?': '2' }, references: [train.jsonl, ../more/heldout.jsonl] }";
    const score = await scorer(t, rules, files);
    assert.deepEqual(
      [score('4', '2 + 2?'), score('5', '2 + 2?'), score('5', '3 or 5?'), score('2', '1 + 1?')],
      [1, 0, 1, 1],
    );
    assert.deepEqual([score('x', '__proto__'), score('4', 'toString')], [1, NaN]);
  });

  test("the right answer in a column of the prompt's line; without the column there is no score", async (t) => {
    const score = await scorer(t, "{ kind: exact, reference: answer, extract: 'answer: *(.+)', flags: i }");
    assert.equal(score('So, the answer: 42', 'p', { answer: ' 42' }), 1);
    assert.equal(score('So, the answer: 41', 'p', { answer: '42' }), 0);
    for (const metadata of [{}, { reference: '42' }]) assert.equal(score('answer: 42', 'p', metadata), NaN);
    const proto = await scorer(t, '{ kind: exact, reference: toString }');
    assert.equal(proto('x', 'p', {}), NaN);
  });

  test('a pattern finds the answer within the column', async (t) => {
    const score = await scorer(t, "{ kind: exact, reference: answer, extractReference: '#### *(\\S+)' }");
    const worked = '2 and 2 is 4.\n#### 4';
    assert.deepEqual([score('4', 'p', { answer: worked }), score('2', 'p', { answer: worked })], [1, 0]);
    assert.equal(score('4', 'p', { answer: 'no mark' }), NaN);
  });

  test('the version is that of the answers, not of the files that hold them', async (t) => {
    const line = '{"prompt": "2 + 2?", "reference": "4"}';
    const version = async (rules: string, files?: Record<string, string>): Promise<string> =>
      rulesVersion(await rulesOf(t, rules, files));
    const first = await version('{ kind: exact, references: [a.jsonl] }', { 'a.jsonl': line });
    assert.equal(await version('{ kind: exact, references: [b.jsonl] }', { 'b.jsonl': `${line}\n` }), first);
    assert.notEqual(
      await version('{ kind: exact, references: [a.jsonl] }', { 'a.jsonl': line.replace('4', '5') }),
      first,
    );
  });

  test('an invalid rule is refused with the place of the mistake', async (t) => {
    await refused(
      t,
      '{ kind: exact }',
      /rules\[0\]\.texts: found nothing, expected either texts, or reference, or answers and references/,
    );
    await refused(
      t,
      '{ kind: exact, texts: [a], answers: { p: a } }',
      /rules\[0\]\.texts: .*expected either texts, or/,
    );
    await refused(
      t,
      "{ kind: exact, texts: [a], extract: '(' }",
      /rules\[0\]\.extract: found string "\(", expected a regular expression \(/,
    );
    await refused(
      t,
      "{ kind: exact, texts: [a], extract: 'a+' }",
      /rules\[0\]\.extract: .*expected a pattern with a group/,
    );
    await refused(t, '{ kind: exact, texts: [a], reference: b }', /rules\[0\]\.texts: .*expected either texts, or/);
    await refused(
      t,
      "{ kind: exact, texts: [a], extractReference: '(a)' }",
      /rules\[0\]\.extractReference: .*expected reference, the column that it is for/,
    );
    await refused(t, "{ kind: exact, reference: a, extractReference: '(' }", /rules\[0\]\.extractReference: .*\(/);
    await refused(t, '{ kind: exact, references: [none.jsonl] }', /rules\/none\.jsonl: does not exist/);
    await refused(
      t,
      '{ kind: exact, references: [a.jsonl] }',
      /a\.jsonl:2: reference: found nothing, expected a text or a list of texts; a line is \{"prompt", "reference"\}/,
      { 'a.jsonl': '{"prompt": "p", "reference": "r"}\n{"prompt": "p"}' },
    );
  });
});

test('every measure of any text is within its range and deterministic', async (t) => {
  const files = ["{ kind: lexicon, words: { a: 1, ' ': -2, '\u0301': 3 }, most: 3, weight: -1 }", '{ kind: readability }', '{ kind: json, from: fence }', "{ kind: exact, texts: [a], extract: '(.)' }"]; // prettier-ignore
  const rules = await Promise.all(files.map((each) => rulesOf(t, each)));
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.constantFrom(...rules), (completion, { rules: some }) => {
      const { minimum, maximum } = scoreRange(some);
      const score = compile(some)(oneTurn('', completion));
      assert.ok(score >= minimum && score <= maximum, `${score}`);
      assert.equal(compile(some)(oneTurn('', completion)), score);
    }),
  );
});

describe('another kind of rule is one file and one entry of the registry', () => {
  const beginning = ruleKind({
    name: 'beginning',
    measures: '1 if the completion begins with the text, else 0',
    keys: { text: nonEmptyText },
    measure:
      ({ text: start }) =>
      ({ completion }) =>
        completion.startsWith(start) ? 1 : 0,
  });

  test('files accept it, and it is part of the score', async (t) => {
    const path = join(await temporaryDirectory(t), 'rules.yaml');
    await writeFile(
      path,
      'objective: x\nrules: [{ kind: beginning, text: Well, weight: 2 }, { kind: regex, pattern: ok }]',
    );
    const kinds = [...ruleKinds, beginning];
    const { rules } = await readRules(path, kinds);
    assert.deepEqual(scoreRange(rules, kinds), { minimum: 0, maximum: 3 });
    const measure = compile(rules, kinds);
    assert.equal(measure(oneTurn('', 'Well, ok')), 3);
    assert.equal(measure(oneTurn('', 'ok, well')), 1);
    await assert.rejects(
      readRules(path),
      /rules\[0\]\.kind: found string "beginning", expected one of length, contains/,
    );
  });

  test('names are unique', () => {
    assert.equal(new Set(ruleKinds.map(({ name }) => name)).size, ruleKinds.length);
  });
});
