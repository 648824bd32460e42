import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at } from '@gapo/numeric';
import fc from 'fast-check';
import { findObjects, LooseObject, type LooseValue } from './looseJson.js';

/** A value as JSON.parse returns it. */
function plain(value: LooseValue['value']): unknown {
  if (value instanceof LooseObject)
    return Object.fromEntries(value.members.map(([key, inner]) => [key, plain(inner.value)]));
  return value instanceof Array ? value.map((inner) => plain(inner.value)) : value;
}

test('every JSON object is read as JSON.parse reads it, wherever it stands', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })),
      fc.constantFrom(0, 2),
      fc.stringMatching(/^[^{}]*$/),
      (object, indent, prose) => {
        const source = JSON.stringify(object, null, indent);
        const found = findObjects(`${prose}${source}${prose}{}`);
        assert.equal(found.length, 2);
        const { start, end, value } = at(found, 0);
        assert.deepEqual([start, end], [prose.length, prose.length + source.length]);
        assert.deepEqual(value && plain(value), JSON.parse(source));
      },
    ),
  );
});

test('every text is read to its end', () => {
  const pieces = fc.constantFrom(
    '{',
    '}',
    '"',
    "'",
    ':',
    ',',
    '[',
    ']',
    'a',
    '\\',
    '\\u12',
    ' ',
    '\n',
    '1',
    '-',
    'null',
    '\ud800',
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
      const text = parts.join('');
      let last = 0;
      for (const { start, end } of findObjects(text)) {
        assert.ok(last <= start && start < end && end <= text.length);
        last = end;
      }
    }),
  );
});

test('the place of a value is that of its source', () => {
  const text = `I say {'a': "x\\"y", "b" : [ -1.5 , {"c":None} ], }`;
  const { value } = at(findObjects(text), 0);
  const sources = (value?.members ?? []).map(([key, { start, end }]) => [key, text.slice(start, end)]);
  assert.deepEqual(sources, [
    ['a', '"x\\"y"'],
    ['b', '[ -1.5 , {"c":None} ]'],
  ]);
});

test('an object that cannot be read ends at its brace, and nothing in it is found', () => {
  const objects = findObjects('{"a" "b"} {"a": {"b": 1} "c": 2} {"d": 1}').map(({ start, end, value }) => [start, end, value === undefined]); // prettier-ignore
  assert.deepEqual(objects, [
    [10, 32, true],
    [33, 41, false],
  ]);
});

test('nesting has a limit', () => {
  const nested = (depth: number): string => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth);
  assert.ok(at(findObjects(nested(60)), 0).value);
  assert.equal(at(findObjects(nested(100_000)), 0).value, undefined);
});
