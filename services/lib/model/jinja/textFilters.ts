/** The text filters. */
import { Given } from './arguments.js';
import type { Filter } from './filters.js';
import { str } from './pythonText.js';
import { TemplateError, typeError } from './templateError.js';
import { capitalize, centered, linesOf, replaced, titleCase } from './textMethods.js';
import {
  Dict,
  Undefined,
  type Value,
  characters,
  integerOf,
  isNumber,
  isTrue,
  iterate,
  collected,
  lengthOfText,
  sequenceItems,
} from './values.js';

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&#39;',
  '"': '&#34;',
};

const escape: Filter = (value) => str(value).replaceAll(/[&<>'"]/gu, (one) => entities[one] ?? one);
const string: Filter = (value) => str(value);

export const textFilters: Readonly<Record<string, Filter>> = {
  capitalize: (value) => capitalize(str(value)),
  center: (value, given) => centered(str(value), new Given('center', given, 'width').integer('width', 80), ' '),
  e: escape,
  escape,
  forceescape: escape,
  filesizeformat: (value, given) => {
    const binary = isTrue(new Given('filesizeformat', given, 'binary').get('binary') ?? false);
    return fileSize(Number(isNumber(value) ? value : str(value)), binary);
  },
  indent: (value, given, caller) => {
    const read = new Given('indent', given, 'width', 'first', 'blank');
    const width = read.get('width') ?? 4n;
    const spaces = integerOf(width);
    const indentation = spaces === undefined ? str(width) : ' '.repeat(Math.max(0, Number(spaces)));
    const first = isTrue(read.get('first') ?? false);
    const blank = isTrue(read.get('blank') ?? false);
    if (value instanceof Undefined) return value.refuse();
    if (typeof value !== 'string') throw typeError('can only concatenate str to str');
    const lines = blank ? linesOf(`${value}\n`, false) : linesOf(`${value}\n`, false);
    const [head = '', ...rest] = lines;
    const indented = rest.map((line) => (line === '' && !blank ? line : indentation + line));
    const text = (first ? indentation : '') + [head, ...indented].join('\n');
    caller.charge(text.length);
    return text;
  },
  lower: (value) => str(value).toLowerCase(),
  replace: (value, given, caller) => {
    const read = new Given('replace', given, 'old', 'new', 'count');
    const count = read.get('count') ?? null;
    const times = count === null ? -1 : read.integer('count');
    const text = replaced(str(value), str(read.value('old')), str(read.value('new')), times);
    caller.charge(text.length);
    return text;
  },
  safe: string,
  string,
  striptags: (value) =>
    str(value)
      .replaceAll(/<!--.*?-->|<[^>]*>/gsu, '')
      .split(/\s+/u)
      .filter((word) => word !== '')
      .join(' '),
  title: (value) =>
    str(value)
      .split(/([-\s({[<]+)/u)
      .filter((part) => part !== '')
      .map((part) => {
        const [first = '', ...rest] = characters(part);
        return titleUpper(first) + rest.join('').toLowerCase();
      })
      .join(''),
  truncate: (value, given) => {
    const read = new Given('truncate', given, 'length', 'killwords', 'end', 'leeway');
    const length = read.integer('length', 255);
    const end = read.text('end', '...');
    const leeway = (read.get('leeway') ?? null) === null ? 5 : read.integer('leeway');
    if (length < lengthOfText(end)) throw new TemplateError(`expected length >= ${lengthOfText(end)}, got ${length}`);
    if (leeway < 0) throw new TemplateError(`expected leeway >= 0, got ${leeway}`);
    if (value instanceof Undefined) return '';
    const all = characters(str(value));
    if (all.length <= length + leeway) return all.join('');
    const kept = all.slice(0, length - lengthOfText(end)).join('');
    if (isTrue(read.get('killwords') ?? false)) return kept + end;
    const space = kept.lastIndexOf(' ');
    return (space < 0 ? kept : kept.slice(0, space)) + end;
  },
  upper: (value) => str(value).toUpperCase(),
  urlencode: (value) => {
    if (typeof value === 'string' || (!(value instanceof Dict) && sequenceItems(value) === undefined)) {
      return quotedUrl(str(value), '/');
    }
    const entries =
      value instanceof Dict
        ? value.entries()
        : collected(iterate(value), () => undefined).map((pair) => sequenceItems(pair) ?? []);
    return entries.map(([key = '', item = '']) => `${quotedUrl(str(key), '')}=${quotedUrl(str(item), '')}`).join('&');
  },
  wordcount: (value) => BigInt(str(value).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0),
};

function titleUpper(first: string): string {
  return first.toUpperCase() === first
    ? first
    : titleCase(first).length === 1
      ? first.toUpperCase()
      : first.toUpperCase();
}

/** Percent-encodes a text except for unreserved and safe characters. */
function quotedUrl(text: string, safe: string): string {
  return [...Buffer.from(text, 'utf8')]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      const kept = /[A-Za-z0-9_.~-]/u.test(character) || (byte < 128 && safe.includes(character));
      if (kept) return character;
      return safe === '' && character === ' ' ? '+' : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}

function fileSize(bytes: number, binary: boolean): string {
  const base = binary ? 1024 : 1000;
  const prefixes = binary
    ? ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB']
    : ['kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB'];
  if (bytes === 1) return '1 Byte';
  if (bytes < base) return `${Math.trunc(bytes)} Bytes`;
  const last = prefixes.length - 1;
  let [unit, prefix] = [base, prefixes[0] ?? ''];
  for (const [i, one] of prefixes.entries()) {
    unit = base ** (i + 2);
    prefix = one;
    if (bytes < unit || i === last) break;
  }
  return `${((base * bytes) / unit).toFixed(1)} ${prefix}`;
}

/** Whether a value is a text; for the tests. */
export function isText(value: Value): value is string {
  return typeof value === 'string';
}
