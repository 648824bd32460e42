import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseJson } from './json.js';

test('numbers that are not finite, as Python and C++ write them', () => {
  assert.deepEqual(parseJson('{"rewards": [NaN, -Infinity, Infinity, 1e999, null, 0.5]}'), {
    rewards: [NaN, -Infinity, Infinity, Infinity, null, 0.5],
  });
  assert.deepEqual(parseJson('[nan,inf,-inf,-nan]'), [NaN, Infinity, -Infinity, NaN]);
});

test('the words inside strings are text', () => {
  assert.deepEqual(parseJson(String.raw`{"NaN": "a \"NaN\" \\", "b": NaN, "c": "-Infinity"}`), {
    NaN: 'a "NaN" \\',
    b: NaN,
    c: '-Infinity',
  });
});

test('every JSON text is parsed as JSON.parse does, with a NaN beside it too', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      assert.deepEqual(parseJson(text), JSON.parse(text));
      assert.deepEqual(parseJson(`[${text}, NaN]`), [JSON.parse(text), NaN]);
    }),
  );
});

test('what is not JSON stays invalid', () => {
  for (const text of ['', '<html>NaN</html>', '{"a": NaNs}', '[1, Infinity', 'NaN NaN', '{NaN: 1}', '"NaN'])
    assert.throws(() => parseJson(text), SyntaxError, text);
});
