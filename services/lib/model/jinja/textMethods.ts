/** The methods of Python's `str`. */
import { Given, valueError } from './arguments.js';
import { boundedLength } from './bounds.js';
import { whiteSpace } from './lexer.js';
import { str } from './pythonText.js';
import { typeError } from './templateError.js';
import { type Arguments, type Value, Tuple, characters, collected, iterate, lengthOfText, typeName } from './values.js';

type Method = (text: string, given: Arguments) => Value;

/** Counts work in proportion to a text's length. */
export type Charge = (characters: number) => void;

const lineEnds = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/gu; // eslint-disable-line no-control-regex -- Python's line ends
const space = new RegExp(`[${whiteSpace}]`, 'u');
const digitsOnly = /^\p{Nd}+$/u;
const cased = /[\p{Lu}\p{Ll}\p{Lt}]/u;

/** Methods without arguments. */
const plain: Readonly<Record<string, (text: string) => Value>> = {
  upper: (text) => text.toUpperCase(),
  lower: (text) => text.toLowerCase(),
  casefold: (text) => text.toLowerCase().replaceAll('ß', 'ss'),
  capitalize,
  title: titled,
  swapcase: (text) =>
    characters(text)
      .map((one) => (one.toUpperCase() === one ? one.toLowerCase() : one.toUpperCase()))
      .join(''),
  isdigit: (text) => /^[\p{Nd}\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089]+$/u.test(text),
  isdecimal: (text) => digitsOnly.test(text),
  isnumeric: (text) => /^\p{N}+$/u.test(text),
  isalpha: (text) => /^\p{L}+$/u.test(text),
  isalnum: (text) => /^[\p{L}\p{N}]+$/u.test(text),
  isspace: (text) => new RegExp(`^[${whiteSpace}]+$`, 'u').test(text),
  isupper: (text) => cased.test(text) && !/[\p{Ll}\p{Lt}]/u.test(text),
  islower: (text) => cased.test(text) && !/[\p{Lu}\p{Lt}]/u.test(text),
  istitle: (text) => cased.test(text) && titled(text) === text,
  isascii: (text) => /^\p{ASCII}*$/u.test(text),
  isidentifier: (text) => /^[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*$/u.test(text),
};

const methods: Readonly<Record<string, Method>> = {
  ...Object.fromEntries(
    Object.entries(plain).map(([name, method]): [string, Method] => [
      name,
      (text, given) => {
        new Given(name, given);
        return method(text);
      },
    ]),
  ),
  strip: (text, given) => stripped(text, new Given('strip', given, 'chars').optionalText('chars'), true, true),
  lstrip: (text, given) => stripped(text, new Given('lstrip', given, 'chars').optionalText('chars'), true, false),
  rstrip: (text, given) => stripped(text, new Given('rstrip', given, 'chars').optionalText('chars'), false, true),
  split: (text, given) => {
    const read = new Given('split', given, 'sep', 'maxsplit');
    return split(text, read.optionalText('sep'), read.integer('maxsplit', -1));
  },
  rsplit: (text, given) => {
    const read = new Given('rsplit', given, 'sep', 'maxsplit');
    return splitFromRight(text, read.optionalText('sep'), read.integer('maxsplit', -1));
  },
  splitlines: (text, given) => {
    const keep = new Given('splitlines', given, 'keepends').get('keepends') === true;
    return linesOf(text, keep);
  },
  replace: (text, given) => {
    const read = new Given('replace', given, 'old', 'new', 'count');
    return replaced(text, read.text('old'), read.text('new'), read.integer('count', -1));
  },
  join: (text, given) => {
    const parts = collected(iterate(new Given('join', given, 'iterable').value('iterable')), () => undefined);
    for (const [i, part] of parts.entries()) {
      if (typeof part !== 'string') {
        throw typeError(`sequence item ${i}: expected str instance, ${typeName(part)} found`);
      }
    }
    return parts.map(str).join(text);
  },
  startswith: (text, given) => begins(text, new Given('startswith', given, 'prefix', 'start', 'end'), true),
  endswith: (text, given) => begins(text, new Given('endswith', given, 'prefix', 'start', 'end'), false),
  removeprefix: (text, given) => {
    const prefix = new Given('removeprefix', given, 'prefix').text('prefix');
    return text.startsWith(prefix) ? text.slice(prefix.length) : text;
  },
  removesuffix: (text, given) => {
    const suffix = new Given('removesuffix', given, 'suffix').text('suffix');
    return suffix !== '' && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
  },
  find: (text, given) => BigInt(found(text, new Given('find', given, 'sub', 'start', 'end'), false)),
  rfind: (text, given) => BigInt(found(text, new Given('rfind', given, 'sub', 'start', 'end'), true)),
  index: (text, given) => existing(found(text, new Given('index', given, 'sub', 'start', 'end'), false)),
  rindex: (text, given) => existing(found(text, new Given('rindex', given, 'sub', 'start', 'end'), true)),
  count: (text, given) => {
    const read = new Given('count', given, 'sub', 'start', 'end');
    const part = window(text, read);
    const sub = read.text('sub');
    return BigInt(sub === '' ? lengthOfText(part) + 1 : part.split(sub).length - 1);
  },
  partition: (text, given) => {
    const separator = nonEmpty(new Given('partition', given, 'sep').text('sep'));
    const at = text.indexOf(separator);
    return at < 0
      ? new Tuple([text, '', ''])
      : new Tuple([text.slice(0, at), separator, text.slice(at + separator.length)]);
  },
  rpartition: (text, given) => {
    const separator = nonEmpty(new Given('rpartition', given, 'sep').text('sep'));
    const at = text.lastIndexOf(separator);
    return at < 0
      ? new Tuple(['', '', text])
      : new Tuple([text.slice(0, at), separator, text.slice(at + separator.length)]);
  },
  center: (text, given) => {
    const read = new Given('center', given, 'width', 'fillchar');
    return centered(text, read.integer('width'), read.text('fillchar', ' '));
  },
  ljust: (text, given) => {
    const read = new Given('ljust', given, 'width', 'fillchar');
    return text + read.text('fillchar', ' ').repeat(missing(text, read.integer('width')));
  },
  rjust: (text, given) => {
    const read = new Given('rjust', given, 'width', 'fillchar');
    return read.text('fillchar', ' ').repeat(missing(text, read.integer('width'))) + text;
  },
  zfill: (text, given) => {
    const zeros = '0'.repeat(missing(text, new Given('zfill', given, 'width').integer('width')));
    return /^[-+]/u.test(text) ? text.slice(0, 1) + zeros + text.slice(1) : zeros + text;
  },
  expandtabs: (text, given) => {
    const size = new Given('expandtabs', given, 'tabsize').integer('tabsize', 8);
    let column = 0;
    return characters(text)
      .map((one) => {
        if (one === '\n' || one === '\r') column = 0;
        else if (one !== '\t') column++;
        else {
          const spaces = size > 0 ? size - (column % size) : 0;
          column += spaces;
          return ' '.repeat(boundedLength(spaces));
        }
        return one;
      })
      .join('');
  },
};

/** Returns a method of `str`; undefined if there is none with that name. */
export function textMethod(name: string): Method | undefined {
  return Object.hasOwn(methods, name) ? methods[name] : undefined;
}

/** Removes characters from both ends: the given ones, or whitespace. */
export function stripped(text: string, chars: string | undefined, left: boolean, right: boolean): string {
  const set = chars === undefined ? undefined : new Set(characters(chars));
  const removes = (one: string | undefined): boolean =>
    one !== undefined && (set === undefined ? space.test(one) : set.has(one));
  const all = characters(text);
  let [start, end] = [0, all.length];
  if (left) while (start < end && removes(all[start])) start++;
  if (right) while (end > start && removes(all[end - 1])) end--;
  return all.slice(start, end).join('');
}

/** Replaces the first `count` occurrences; all if negative. */
export function replaced(text: string, from: string, to: string, count: number): string {
  if (count === 0) return text;
  const parts = from === '' ? ['', ...characters(text), ''] : text.split(from);
  const places = count < 0 ? parts.length - 1 : Math.min(count, parts.length - 1);
  boundedLength(text.length + places * Math.max(0, to.length - from.length));
  return (
    parts.slice(0, places + 1).join(to) +
    parts
      .slice(places + 1)
      .map((part) => from + part)
      .join('')
  );
}

export function capitalize(text: string): string {
  const [first = '', ...rest] = characters(text);
  return titleCase(first) + rest.join('').toLowerCase();
}

/** Returns the title case of a character: upper case, except for digraphs such as ǆ. */
export function titleCase(character: string): string {
  const digraph = /[Ǆ-ǌǱ-ǳ]/u.exec(character);
  if (digraph === null) {
    const upper = character.toUpperCase();
    return [...upper].length > 1 ? upper.slice(0, 1) + upper.slice(1).toLowerCase() : upper;
  }
  const code = character.codePointAt(0) ?? 0;
  const base = code >= 0x1f1 ? 0x1f1 : 0x1c4 + Math.floor((code - 0x1c4) / 3) * 3;
  return String.fromCodePoint(base + 1);
}

export function centered(text: string, width: number, fill: string): string {
  const space = missing(text, width);
  const left = Math.floor(space / 2) + (space & width & 1);
  return fill.repeat(left) + text + fill.repeat(space - left);
}

/** Splits into lines. */
export function linesOf(text: string, keepEnds: boolean): string[] {
  const lines: string[] = [];
  let start = 0;
  for (const end of text.matchAll(lineEnds)) {
    lines.push(text.slice(start, end.index + (keepEnds ? end[0].length : 0)));
    start = end.index + end[0].length;
  }
  if (start < text.length) lines.push(text.slice(start));
  return lines;
}

function titled(text: string): string {
  let inWord = false;
  return characters(text)
    .map((one) => {
      const isCased = cased.test(one) || one.toLowerCase() !== one.toUpperCase();
      const written = inWord ? one.toLowerCase() : titleCase(one);
      inWord = isCased;
      return isCased ? written : one;
    })
    .join('');
}

function missing(text: string, width: number): number {
  return Math.max(0, boundedLength(width) - lengthOfText(text));
}

function nonEmpty(separator: string): string {
  if (separator === '') throw valueError('empty separator');
  return separator;
}

function split(text: string, separator: string | undefined, most: number): string[] {
  if (separator === undefined) return splitAtSpace(text, most);
  const parts = text.split(nonEmpty(separator));
  if (most < 0 || parts.length - 1 <= most) return parts;
  return [...parts.slice(0, most), parts.slice(most).join(separator)];
}

function splitFromRight(text: string, separator: string | undefined, most: number): string[] {
  if (separator === undefined) {
    const reversed = (one: string): string => [...one].reverse().join('');
    return splitAtSpace(reversed(text), most).reverse().map(reversed);
  }
  const parts = text.split(nonEmpty(separator));
  if (most < 0 || parts.length - 1 <= most) return parts;
  const kept = parts.length - most;
  return [parts.slice(0, kept).join(separator), ...parts.slice(kept)];
}

function splitAtSpace(text: string, most: number): string[] {
  const parts: string[] = [];
  let rest = stripped(text, undefined, true, false);
  const gap = new RegExp(`[${whiteSpace}]+`, 'u');
  while (rest !== '') {
    const found = most >= 0 && parts.length >= most ? null : gap.exec(rest);
    if (found === null) {
      parts.push(rest);
      break;
    }
    parts.push(rest.slice(0, found.index));
    rest = rest.slice(found.index + found[0].length);
  }
  return parts;
}

/** The part of a text between the arguments start and end. */
function window(text: string, read: Given): string {
  if (read.get('start') === undefined && read.get('end') === undefined) return text;
  const [start, end] = bounds(text, read);
  return characters(text).slice(start, end).join('');
}

function bounds(text: string, read: Given): readonly [number, number] {
  const length = lengthOfText(text);
  const bound = (name: string, otherwise: number): number => {
    const given = read.get(name);
    const place = given === undefined || given === null ? otherwise : read.integer(name);
    return place < 0 ? Math.max(0, length + place) : Math.min(place, length);
  };
  return [bound('start', 0), bound('end', length)];
}

function begins(text: string, read: Given, atStart: boolean): boolean {
  const part = window(text, read);
  const given = read.value('prefix');
  const options = given instanceof Tuple ? given.items : [given];
  return options.some((option) => {
    if (typeof option !== 'string') {
      throw typeError(
        `${atStart ? 'startswith' : 'endswith'} first arg must be str or a tuple of str, not ${typeName(option)}`,
      );
    }
    return atStart ? part.startsWith(option) : part.endsWith(option);
  });
}

function found(text: string, read: Given, last: boolean): number {
  const [start] = bounds(text, read);
  const part = window(text, read);
  const sub = read.text('sub');
  const at = last ? part.lastIndexOf(sub) : part.indexOf(sub);
  return at < 0 ? -1 : start + lengthOfText(part.slice(0, at));
}

function existing(place: number): bigint {
  if (place < 0) throw valueError('substring not found');
  return BigInt(place);
}
