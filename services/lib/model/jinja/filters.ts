/** Jinja's filters. */
import { Given } from './arguments.js';
import { type Caller, attributeGetter, multipleGetter } from './calling.js';
import { percentFormat } from './formatting.js';
import { floatFilter, integerFilter, roundFilter } from './numberFilters.js';
import { attributeAlone, binary } from './operations.js';
import { json, repr, str } from './pythonText.js';
import { TemplateError, typeError } from './templateError.js';
import { textFilters } from './textFilters.js';
import { stripped } from './textMethods.js';
import {
  Dict,
  Generator,
  Tuple,
  Undefined,
  type Arguments,
  type Value,
  compare,
  equals,
  firstOf,
  hashOf,
  integerOf,
  isList,
  isNumber,
  isTrue,
  iterate,
  lengthOf,
  typeName,
} from './values.js';

/**
 * A filter.
 *
 * @throws TemplateError if the value or the arguments do not suit it
 */
export type Filter = (value: Value, given: Arguments, caller: Caller) => Value;

const filters: Readonly<Record<string, Filter>> = {
  ...textFilters,
  abs: (value) => {
    if (value instanceof Undefined) return value.refuse();
    if (!isNumber(value)) throw typeError(`bad operand type for abs(): '${typeName(value)}'`);
    const integer = integerOf(value);
    return integer === undefined ? Math.abs(Number(value)) : integer < 0n ? -integer : integer;
  },
  attr: (value, given) => {
    return attributeAlone(value, new Given('attr', given, 'name').text('name'));
  },
  batch: (value, given, caller) => {
    const read = new Given('batch', given, 'linecount', 'fill_with');
    const size = read.integer('linecount');
    const fill = read.get('fill_with') ?? null;
    const items = caller.collect(value);
    const rows: Value[] = [];
    for (let start = 0; start < items.length; start += Math.max(1, size)) {
      const row = items.slice(start, start + Math.max(1, size));
      while (fill !== null && row.length < size) row.push(fill);
      rows.push(row);
    }
    return new Generator(rows[Symbol.iterator]());
  },
  count: lengthFilter,
  d: defaultFilter,
  default: defaultFilter,
  dictsort: (value, given) => {
    const read = new Given('dictsort', given, 'case_sensitive', 'by', 'reverse');
    if (!(value instanceof Dict)) throw typeError(`'${typeName(value)}' object has no attribute 'items'`);
    const by = read.text('by', 'key');
    if (by !== 'key' && by !== 'value') throw new TemplateError('You can only sort by either "key" or "value"');
    const key = (entry: readonly [Value, Value]): Value =>
      lowered(by === 'key' ? entry[0] : entry[1], isTrue(read.get('case_sensitive') ?? false));
    return sorted([...value.entries()], key, isTrue(read.get('reverse') ?? false)).map((entry) => new Tuple(entry));
  },
  first: (value) => {
    const next = iterate(value).next();
    return next.done === true ? new Undefined('No first item, sequence was empty.') : next.value;
  },
  float: floatFilter,
  format: (value, { positional, named }) => {
    if (named.size > 0 && positional.length > 0) {
      throw new TemplateError("can't handle positional and keyword arguments at the same time");
    }
    return percentFormat(str(value), named.size > 0 ? new Dict(named) : new Tuple(positional));
  },
  groupby: (value, given, caller) => {
    const read = new Given('groupby', given, 'attribute', 'default', 'case_sensitive');
    const sensitive = isTrue(read.get('case_sensitive') ?? false);
    const get = attributeGetter(read.value('attribute'), read.get('default'));
    const items = sorted(caller.collect(value), (one) => lowered(get(one), sensitive), false);
    const groups: { key: Value; shown: Value; items: Value[] }[] = [];
    for (const one of items) {
      const key = lowered(get(one), sensitive);
      const last = groups.at(-1);
      if (last !== undefined && equals(last.key, key)) last.items.push(one);
      else groups.push({ key, shown: get(one), items: [one] });
    }
    return groups.map(({ shown, items: list }) => new Group(shown, list));
  },
  int: integerFilter,
  items: (value) => {
    if (value instanceof Undefined) return new Generator([][Symbol.iterator]());
    if (!(value instanceof Dict)) throw typeError('Can only get item pairs from a mapping.');
    const pairs = value.entries().map((entry) => new Tuple(entry));
    return new Generator(pairs[Symbol.iterator]());
  },
  join: (value, given, caller) => {
    const read = new Given('join', given, 'd', 'attribute');
    const attribute = read.get('attribute') ?? null;
    const get = attribute === null ? undefined : attributeGetter(attribute);
    const items = caller.collect(value);
    const text = items
      .map((item) => str(get === undefined ? item : get(item)))
      .join(str(firstOf(read.get('d'), () => '')));
    caller.charge(text.length);
    return text;
  },
  last: (value) => {
    if (value instanceof Generator) throw typeError("'generator' object is not reversible");
    const items = [...toArray(value)];
    return firstOf(items.at(-1), () => new Undefined('No last item, sequence was empty.'));
  },
  length: lengthFilter,
  list: (value, _given, caller) => caller.collect(value),
  map: (value, given, caller) => {
    if (!isTrue(value)) return new Generator([][Symbol.iterator]());
    const apply = mapper(given, caller);
    return new Generator(mapped(iterate(value), apply, caller));
  },
  max: (value, given, caller) => extreme(value, given, caller, 1),
  min: (value, given, caller) => extreme(value, given, caller, -1),
  pprint: (value) => repr(value),
  reject: (value, given, caller) => selected(value, given, caller, false, false),
  rejectattr: (value, given, caller) => selected(value, given, caller, false, true),
  reverse: (value, _given, caller) => {
    if (typeof value === 'string') return [...value].reverse().join('');
    const items = caller.collect(value).reverse();
    return new Generator(items[Symbol.iterator]());
  },
  round: roundFilter,
  select: (value, given, caller) => selected(value, given, caller, true, false),
  selectattr: (value, given, caller) => selected(value, given, caller, true, true),
  slice: (value, given, caller) => {
    const read = new Given('slice', given, 'slices', 'fill_with');
    const count = read.integer('slices');
    const fill = read.get('fill_with') ?? null;
    const items = caller.collect(value);
    const size = Math.floor(items.length / count);
    const longer = items.length % count;
    const rows = Array.from({ length: count }, (_, i): Value => {
      const start = i * size + Math.min(i, longer);
      const row = items.slice(start, start + size + (i < longer ? 1 : 0));
      return fill !== null && i >= longer ? [...row, fill] : row;
    });
    return new Generator(rows[Symbol.iterator]());
  },
  sort: (value, given, caller) => {
    const read = new Given('sort', given, 'reverse', 'case_sensitive', 'attribute');
    const sensitive = isTrue(read.get('case_sensitive') ?? false);
    const attribute = read.get('attribute') ?? null;
    const get = attribute === null ? undefined : multipleGetter(attribute);
    const key = (one: Value): Value =>
      get === undefined ? lowered(one, sensitive) : get(one).map((part) => lowered(part, sensitive));
    return sorted(caller.collect(value), key, isTrue(read.get('reverse') ?? false));
  },
  sum: (value, given, caller) => {
    const read = new Given('sum', given, 'attribute', 'start');
    const attribute = read.get('attribute') ?? null;
    const get = attribute === null ? undefined : attributeGetter(attribute);
    return caller
      .collect(value)
      .reduce<Value>((sum, item) => binary('+', sum, get === undefined ? item : get(item)), read.get('start') ?? 0n);
  },
  tojson: (value, given, caller) => {
    const read = new Given('tojson', given, 'ensure_ascii', 'indent', 'separators', 'sort_keys');
    const indent = read.get('indent') ?? null;
    const separators = read.get('separators') ?? null;
    const pair = separators instanceof Tuple ? separators.items : isList(separators) ? separators : undefined;
    const [comma, colon] = pair ?? [];
    const spaces = integerOf(indent);
    if (value instanceof Undefined) throw typeError('Object of type Undefined is not JSON serializable');
    const text = json(value, {
      ascii: isTrue(read.get('ensure_ascii') ?? false),
      indent:
        spaces === undefined
          ? typeof indent === 'string'
            ? indent
            : undefined
          : ' '.repeat(Math.max(0, Number(spaces))),
      separators: comma === undefined || colon === undefined ? undefined : [str(comma), str(colon)],
      sortKeys: isTrue(read.get('sort_keys') ?? false),
    });
    caller.charge(text.length);
    return text;
  },
  trim: (value, given) => stripped(str(value), new Given('trim', given, 'chars').optionalText('chars'), true, true),
  unique: (value, given, caller) => {
    const read = new Given('unique', given, 'case_sensitive', 'attribute');
    const sensitive = isTrue(read.get('case_sensitive') ?? false);
    const attribute = read.get('attribute') ?? null;
    const get = attribute === null ? undefined : attributeGetter(attribute);
    const seen = new Set<string>();
    const items = caller.collect(value).filter((one) => {
      const hash = hashOf(lowered(get === undefined ? one : get(one), sensitive));
      if (seen.has(hash)) return false;
      seen.add(hash);
      return true;
    });
    return new Generator(items[Symbol.iterator]());
  },
};

/** Returns a filter; undefined if there is none with that name. */
export function filterNamed(name: string): Filter | undefined {
  return Object.hasOwn(filters, name) ? filters[name] : undefined;
}

/** A group of `groupby`: a tuple of the common value and the items, which are also attributes. */
class Group extends Tuple {
  constructor(grouper: Value, list: readonly Value[]) {
    super([grouper, list]);
  }

  override attribute(name: string): Value | undefined {
    return name === 'grouper' ? this.items[0] : name === 'list' ? this.items[1] : undefined;
  }
}

function lengthFilter(value: Value): Value {
  const length = lengthOf(value);
  if (length === undefined) throw typeError(`object of type '${typeName(value)}' has no len()`);
  return BigInt(length);
}

function defaultFilter(value: Value, given: Arguments): Value {
  const read = new Given('default', given, 'default_value', 'boolean');
  const missing = value instanceof Undefined || (isTrue(read.get('boolean') ?? false) && !isTrue(value));
  return missing ? firstOf(read.get('default_value'), () => '') : value;
}

/** Returns the key by which `sort` compares a value: text in lower case unless case matters. */
function lowered(value: Value, caseSensitive: boolean): Value {
  return typeof value === 'string' && !caseSensitive ? value.toLowerCase() : value;
}

function sorted<T>(items: readonly T[], key: (item: T) => Value, reverse: boolean): T[] {
  const keyed = items.map((item) => ({ item, key: key(item) }));
  keyed.sort((a, b) => (reverse ? compare(b.key, a.key, '<') : compare(a.key, b.key, '<')));
  return keyed.map(({ item }) => item);
}

function extreme(value: Value, given: Arguments, caller: Caller, direction: 1 | -1): Value {
  const read = new Given(direction > 0 ? 'max' : 'min', given, 'case_sensitive', 'attribute');
  const sensitive = isTrue(read.get('case_sensitive') ?? false);
  const attribute = read.get('attribute') ?? null;
  const get = attribute === null ? undefined : attributeGetter(attribute);
  const key = (one: Value): Value => lowered(get === undefined ? one : get(one), sensitive);
  const [first, ...rest] = caller.collect(value);
  if (first === undefined) return new Undefined('No aggregated item, sequence was empty.');
  return rest.reduce<Value>(
    (best, one) => (compare(key(one), key(best), direction > 0 ? '>' : '<') * direction > 0 ? one : best),
    first,
  );
}

function mapper({ positional, named }: Arguments, caller: Caller): (value: Value) => Value {
  const attribute = named.get('attribute');
  if (positional.length === 0 && attribute !== undefined) {
    for (const name of named.keys()) {
      if (name !== 'attribute' && name !== 'default') throw new TemplateError(`Unexpected keyword argument '${name}'`);
    }
    return attributeGetter(attribute, named.get('default'));
  }
  const [name, ...rest] = positional;
  if (name === undefined) throw new TemplateError('map requires a filter argument');
  return (value) => caller.filter(str(name), value, { positional: rest, named });
}

function* mapped(values: Iterator<Value>, apply: (value: Value) => Value, caller: Caller): Values {
  for (let next = values.next(); next.done !== true; next = values.next()) {
    caller.step();
    yield apply(next.value);
  }
}

type Values = globalThis.Generator<Value, void>;

function selected(value: Value, given: Arguments, caller: Caller, wanted: boolean, byAttribute: boolean): Value {
  return new Generator(matching(value, given, caller, wanted, byAttribute));
}

function* matching(
  value: Value,
  { positional, named }: Arguments,
  caller: Caller,
  wanted: boolean,
  byAttribute: boolean,
): Values {
  if (!isTrue(value)) return;
  const [attribute] = positional;
  if (byAttribute && attribute === undefined) throw new TemplateError('Missing parameter for attribute name');
  const get = byAttribute && attribute !== undefined ? attributeGetter(attribute) : undefined;
  const [name, ...rest] = positional.slice(byAttribute ? 1 : 0);
  const values = iterate(value);
  for (let next = values.next(); next.done !== true; next = values.next()) {
    caller.step();
    const tested = get === undefined ? next.value : get(next.value);
    const holds = name === undefined ? isTrue(tested) : caller.test(str(name), tested, { positional: rest, named });
    if (holds === wanted) yield next.value;
  }
}

function* toArray(value: Value): Values {
  const values = iterate(value);
  for (let next = values.next(); next.done !== true; next = values.next()) yield next.value;
}
