import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkKeys, joinedKeys, neutral } from './knownKeys.js';

const known = joinedKeys(
  { used: ['size'], neutral: { cap: neutral('nothing is capped', null), shared: neutral('x', 0) } },
  { harmless: ['note'], neutral: { shared: neutral('y', 1, {}) } },
);
const problems = (json: Readonly<Record<string, unknown>>, ignoreKeys: readonly string[] = []): readonly string[] =>
  checkKeys(json, known, { ignoreKeys }).problems;

describe('the keys of a file', () => {
  test('that are used or harmless may have any value', () => {
    assert.deepEqual(problems({ size: 'anything', note: [1] }), []);
  });

  test('that are not implemented may have a neutral value, and are refused with the others', () => {
    assert.deepEqual(problems({ cap: null, shared: {} }), []);
    assert.deepEqual(problems({ cap: 30, shared: 0 }), [
      'cap is not supported: nothing is capped, but it is 30',
      'shared is not supported: y, but it is 0',
    ]);
  });

  test('that are unknown are refused by name with their values, unless they are empty', () => {
    assert.deepEqual(problems({ a: null, b: false, c: '', d: [], e: {} }), []);
    const [problem, ...others] = problems({ zero: 0, words: 'w'.repeat(80) });
    assert.deepEqual(others, []);
    assert.match(problem ?? '', /^unknown keys zero \(0\), words \("w{59}…\), which may change .* policy\.ignoreKeys/);
    assert.match(problems({ constructor: 1 })[0] ?? '', /^unknown key constructor \(1\)/);
  });

  test('that are ignored are left out of the object, also within another object', () => {
    const json = { size: 1, cap: 30, 'dotted.key': 2, inner: { a: 1, b: { c: 3, d: 4 } } };
    const ignoreKeys = ['cap', 'dotted.key', 'inner.b.c', 'absent.key'];
    assert.deepEqual(checkKeys(json, joinedKeys(known, { used: ['inner'] }), { ignoreKeys }), {
      json: { size: 1, inner: { a: 1, b: { d: 4 } } },
      problems: [],
    });
  });

  test('of an inner object are named with its path', () => {
    assert.match(
      checkKeys({ beta: 2 }, known, {}, 'rope_scaling.').problems[0] ?? '',
      /^unknown key rope_scaling\.beta/,
    );
  });
});
