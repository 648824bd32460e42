/**
 * Damaged JSON: documents that parse but have different values, keys and depths than their readers
 * expect.
 */
import fc from 'fast-check';
import { damagedText } from './texts.js';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A placeholder for text that is not the form of any JSON value. */
const raw = (index: number): string => `\u{f0000}${index}\u{f0000}`;
const rawTexts: readonly string[] = [
  '1e999',
  '-1e999',
  '-0',
  '123456789012345678901234567890',
  '0.1e-999',
  '['.repeat(200) + ']'.repeat(200),
  '['.repeat(3000) + ']'.repeat(3000),
  '{"a":'.repeat(3000) + '1' + '}'.repeat(3000),
  '['.repeat(60_000) + ']'.repeat(60_000),
];

const values: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>(
    null,
    true,
    false,
    0,
    -1,
    0.5,
    1e308,
    2 ** 31,
    2 ** 53,
    -(2 ** 63),
    '',
    '\0',
    '\ud800',
    '../../../../etc/passwd',
    '/dev/zero',
    'x'.repeat(5000),
    'NaN',
    '1970-01-01T00:00:00Z',
    [],
    {},
    [null],
    [[]],
    [{}],
    { '': '' },
    JSON.parse('{"__proto__":{"polluted":true}}') as Json,
    { constructor: { prototype: { polluted: true } } },
    Array.from({ length: 300 }, (_, i) => i),
    ...rawTexts.map((_, index) => raw(index)),
  ),
  fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>,
);

const keys = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'length', '', '0', '\0', 'x'.repeat(3000)),
  fc.string({ maxLength: 6 }),
);

type Edit = (root: Json) => Json;

/** Sets a key, even `__proto__`, as an own property of the object. */
function set(target: { [key: string]: Json }, key: string, value: Json): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Every position in a document, with how to read and replace its value. */
function places(root: Json): { readonly holder: Json[] | { [key: string]: Json }; readonly key: string }[] {
  if (typeof root !== 'object' || root === null) return [];
  return Object.keys(root).flatMap((key) => [
    { holder: root, key },
    ...places((Array.isArray(root) ? root[Number(key)] : root[key]) ?? null),
  ]);
}

function changeAt(change: (holder: Json[] | { [key: string]: Json }, key: string) => void): (place: number) => Edit {
  return (place) => (root) => {
    const copy = structuredClone(root);
    const all = places(copy);
    const found = all[place % Math.max(1, all.length)];
    if (found !== undefined) change(found.holder, found.key);
    return copy;
  };
}

const edit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.nat(1 << 16), values).map(([place, value]) => replacing(value)(place)) },
  {
    weight: 1,
    arbitrary: fc.nat(1 << 16).map((place) =>
      changeAt((holder, key) => {
        if (Array.isArray(holder)) holder.splice(Number(key), 1);
        else Reflect.deleteProperty(holder, key);
      })(place),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.nat(1 << 16), keys, values).map(([place, name, value]) =>
      changeAt((holder) => {
        if (Array.isArray(holder)) holder.push(value);
        else set(holder, name, value);
      })(place),
    ),
  },
  {
    weight: 1,
    arbitrary: values.map(
      (value): Edit =>
        () =>
          value,
    ),
  },
);

function replacing(value: Json): (place: number) => Edit {
  return changeAt((holder, key) => {
    if (Array.isArray(holder)) holder[Number(key)] = value;
    else set(holder, key, value);
  });
}

function textOf(root: Json): string {
  return JSON.stringify(root).replaceAll(
    /"\u{f0000}(\d+)\u{f0000}"/gu,
    (_, index: string) => rawTexts[Number(index)] ?? '',
  );
}

/** Returns documents after up to four edits, a few of them with damage to their text as well. */
export function damagedJson(seeds: readonly string[]): fc.Arbitrary<string> {
  const roots = seeds.map((seed) => JSON.parse(seed) as Json);
  const edited = fc
    .tuple(fc.constantFrom(...roots), fc.array(edit, { maxLength: 4 }))
    .map(([root, edits]) => textOf(edits.reduce((value, change) => change(value), root)));
  return fc.oneof({ weight: 3, arbitrary: edited }, { weight: 1, arbitrary: damagedText(seeds) });
}
