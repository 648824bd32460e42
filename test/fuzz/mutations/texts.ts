/** Damaged texts: lines and parts of lines removed, repeated and replaced. */
import fc from 'fast-check';

type Edit = (text: string) => string;

const place = fc.nat(1 << 20);
const at = (text: string, offset: number): number => (text.length === 0 ? 0 : offset % text.length);

/** Fragments known to trip up parsers. */
const awkward: readonly string[] = [
  '\0',
  '\ud800',
  '\udfff\ud800',
  '\ufeff',
  '\r\n',
  '\r',
  '\u2028',
  '\t',
  '__proto__',
  'constructor',
  'prototype',
  'hasOwnProperty',
  'toString',
  '../../../../../../etc/passwd',
  '/etc/passwd',
  '9'.repeat(400),
  '1e999',
  '-1e999',
  '-0',
  '9007199254740993',
  '.nan',
  '0x7fffffffffffffff',
  'x'.repeat(5000),
  '\u0301'.repeat(300),
  '['.repeat(300),
  '['.repeat(20_000),
  '{"a":'.repeat(300),
  '{"a":'.repeat(20_000),
  '('.repeat(2000),
  '"',
  "'",
  '`',
  '\\',
  '\\u',
  '%00',
  '%',
  '${',
];

const edit = (snippets: readonly string[]): fc.Arbitrary<Edit> => {
  const snippet = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...awkward, ...snippets) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }) },
  );
  const lines = (change: (all: string[], index: number, other: number) => string[]): fc.Arbitrary<Edit> =>
    fc.tuple(place, place).map(([one, two]): Edit => {
      return (text) => {
        const all = text.split('\n');
        return change(all, one % all.length, two % all.length).join('\n');
      };
    });
  return fc.oneof(
    fc.tuple(place, fc.nat(12), snippet).map(([offset, removed, inserted]): Edit => {
      return (text) => text.slice(0, at(text, offset)) + inserted + text.slice(at(text, offset) + removed);
    }),
    snippet.map(
      (inserted): Edit =>
        (text) =>
          inserted + text,
    ),
    fc.tuple(place, snippet).map(([line, inserted]): Edit => {
      return (text) => {
        const all = text.split('\n');
        return all.toSpliced(line % all.length, 1, inserted).join('\n');
      };
    }),
    place.map(
      (length): Edit =>
        (text) =>
          text.slice(0, at(text, length)),
    ),
    fc.tuple(place, place).map(([start, length]): Edit => {
      return (text) => text.slice(0, at(text, start)) + text.slice(at(text, start) + (length % 40));
    }),
    lines((all, one) => all.toSpliced(one, 1)),
    lines((all, one) => all.toSpliced(one, 0, all[one] ?? '')),
    lines((all, one, two) => all.toSpliced(two, 0, all[one] ?? '')),
    lines((all, one, two) => all.with(one, ' '.repeat(two % 9) + (all[one] ?? '').trimStart())),
    fc.constant<Edit>((text) => text.replaceAll('\n', '\r\n')),
  );
};

/**
 * Returns seeds after up to five edits.
 *
 * @param snippets fragments with a meaning in the format
 */
export function damagedText(seeds: readonly string[], snippets: readonly string[] = []): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom(...seeds), fc.array(edit(snippets), { maxLength: 5 }))
    .map(([seed, edits]) => edits.reduce((text, change) => change(text), seed));
}
