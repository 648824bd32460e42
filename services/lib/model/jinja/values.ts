/**
 * The values of a template, which behave like Python's: bigint is `int`, number is `float`, an array is a `list`, null is
 * `None`, and strings are counted in code points.
 */
import { TemplateError, typeError } from './templateError.js';

export type Value = null | boolean | bigint | number | string | readonly Value[] | PythonObject;

/** Any value other than the plain ones. */
export abstract class PythonObject {
  /** The name of its Python type. */
  abstract readonly type: string;

  /** Returns an attribute; undefined if it has none with that name. */
  attribute(_name: string): Value | undefined {
    return undefined;
  }

  /** The result of `str()`. */
  text(): string {
    return `<${this.type} object>`;
  }
}

/** The value of a name, an attribute or an item that does not exist. It prints as nothing. */
export class Undefined extends PythonObject {
  readonly type = 'Undefined';
  /** The error for every use except printing, iterating and testing. */
  readonly problem: string;

  constructor(problem: string) {
    super();
    this.problem = problem;
  }

  override text(): string {
    return '';
  }

  /** @throws TemplateError always */
  refuse(): never {
    throw new TemplateError(this.problem);
  }
}

export class Tuple extends PythonObject {
  readonly type = 'tuple';
  readonly items: readonly Value[];

  constructor(items: readonly Value[]) {
    super();
    this.items = items;
  }
}

export class Dict extends PythonObject {
  readonly type = 'dict';
  readonly #entries = new Map<string, readonly [Value, Value]>();

  constructor(entries: Iterable<readonly [Value, Value]> = []) {
    super();
    for (const [key, value] of entries) {
      const hash = hashOf(key);
      this.#entries.set(hash, [this.#entries.get(hash)?.[0] ?? key, value]);
    }
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Value): Value | undefined {
    return this.#entries.get(hashOf(key))?.[1];
  }

  /** Keys and values in the order of insertion. */
  entries(): readonly (readonly [Value, Value])[] {
    return [...this.#entries.values()];
  }
}

/** The keys, values or items of a dictionary. */
export class DictView extends PythonObject {
  readonly type: 'dict_items' | 'dict_keys' | 'dict_values';
  readonly items: readonly Value[];

  constructor(type: DictView['type'], items: readonly Value[]) {
    super();
    this.type = type;
    this.items = items;
  }
}

export class Range extends PythonObject {
  readonly type = 'range';
  readonly start: bigint;
  readonly stop: bigint;
  readonly step: bigint;
  readonly items: readonly bigint[];

  /** @throws TemplateError if it has too many items */
  constructor(start: bigint, stop: bigint, step: bigint) {
    super();
    [this.start, this.stop, this.step] = [start, stop, step];
    const span = step > 0n ? stop - start : start - stop;
    const magnitude = step > 0n ? step : -step;
    const length = span <= 0n ? 0n : (span + magnitude - 1n) / magnitude;
    if (length > largestRange) {
      throw new TemplateError(`Range too big. The sandbox blocks ranges larger than MAX_RANGE (${largestRange}).`);
    }
    this.items = Array.from({ length: Number(length) }, (_, i) => start + BigInt(i) * step);
  }
}

/** The same limit as in Jinja's sandbox. */
const largestRange = 100_000n;

/** Values computed lazily; can be read only once. */
export class Generator extends PythonObject {
  readonly type = 'generator';
  readonly values: Iterator<Value>;

  constructor(values: Iterator<Value>) {
    super();
    this.values = values;
  }
}

/** The arguments of a call. */
export interface Arguments {
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}

/** Something to call: a method, a macro, a function. */
export class Callable extends PythonObject {
  readonly type: string;
  readonly name: string;
  readonly call: (given: Arguments) => Value;
  readonly #attributes: ReadonlyMap<string, Value>;

  constructor(
    name: string,
    call: (given: Arguments) => Value,
    { type = 'function', attributes = {} }: { type?: string; attributes?: Readonly<Record<string, Value>> } = {},
  ) {
    super();
    this.type = type;
    this.name = name;
    this.call = call;
    this.#attributes = new Map(Object.entries(attributes));
  }

  override attribute(name: string): Value | undefined {
    return this.#attributes.get(name);
  }
}

/** An object whose attributes a template can set. */
export class Namespace extends PythonObject {
  readonly type = 'Namespace';
  readonly #values = new Map<string, Value>();

  constructor(values: Iterable<readonly [string, Value]>) {
    super();
    for (const [name, value] of values) this.set(name, value);
  }

  set(name: string, value: Value): void {
    if (name.startsWith('_')) {
      throw new TemplateError(
        'Chat templates cannot store underscore-prefixed attributes on a namespace, but got ' +
          `'${name}'. Please rename the attribute.`,
      );
    }
    this.#values.set(name, value);
  }

  override attribute(name: string): Value | undefined {
    return this.#values.get(name);
  }
}

/** The name of a value's Python type. */
export function typeName(value: Value): string {
  if (value === null) return 'NoneType';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'number') return 'float';
  if (typeof value === 'string') return 'str';
  return value instanceof PythonObject ? value.type : 'list';
}

/** Returns the first value that is present. Unlike with `??`, Python's `None` counts as present. */
export function firstOf(value: Value | undefined, otherwise: () => Value): Value;
export function firstOf(value: Value | undefined, otherwise: () => Value | undefined): Value | undefined;
export function firstOf(value: Value | undefined, otherwise: () => Value | undefined): Value | undefined {
  return value === undefined ? otherwise() : value;
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** Whether a value is `int` or `float`; bools are ints. */
export function isNumber(value: Value): value is bigint | boolean | number {
  return typeof value === 'bigint' || typeof value === 'number' || typeof value === 'boolean';
}

/** Returns an int or bool as a bigint; undefined for others. */
export function integerOf(value: Value): bigint | undefined {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  return typeof value === 'bigint' ? value : undefined;
}

/** Returns the items of a sequence; undefined if the value is not a sequence, or is a string. */
export function sequenceItems(value: Value): readonly Value[] | undefined {
  if (isList(value)) return value;
  if (value instanceof Tuple || value instanceof Range) return value.items;
  return undefined;
}

/** Splits a string into code points. */
export function characters(text: string): readonly string[] {
  return [...text];
}

/** The number of a string's code points. */
export function lengthOfText(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    if ((text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      length--;
      i++;
    }
  }
  return length;
}

/** Returns the length of a value; undefined if it has none. */
export function lengthOf(value: Value): number | undefined {
  if (typeof value === 'string') return lengthOfText(value);
  if (value instanceof Dict) return value.size;
  if (value instanceof DictView) return value.items.length;
  if (value instanceof Undefined) return 0;
  return sequenceItems(value)?.length;
}

/** Whether a value counts as true. */
export function isTrue(value: Value): boolean {
  if (value === null || value instanceof Undefined) return false;
  if (typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return value !== 0n;
  if (typeof value === 'number') return value !== 0;
  const length = lengthOf(value);
  return length === undefined || length > 0;
}

/**
 * Returns an iterator over a value.
 *
 * @throws TemplateError if it cannot be iterated over
 */
export function iterate(value: Value): Iterator<Value> {
  if (typeof value === 'string') return value[Symbol.iterator]();
  if (value instanceof Generator) return value.values;
  if (value instanceof Undefined) return [][Symbol.iterator]();
  if (value instanceof Dict) return iterate(value.entries().map(([key]) => key));
  const items = value instanceof DictView ? value.items : sequenceItems(value);
  if (items === undefined) throw typeError(`'${typeName(value)}' object is not iterable`);
  return items[Symbol.iterator]();
}

/** Returns the remaining items of an iterator. `count` is called for each. */
export function collected(values: Iterator<Value>, count: () => void): Value[] {
  const items: Value[] = [];
  for (let next = values.next(); next.done !== true; next = values.next()) {
    count();
    items.push(next.value);
  }
  return items;
}

/**
 * Maximum number of comparisons within two values. Values that contain others many times need more comparisons than they have
 * parts.
 */
const mostComparisons = 2 ** 20;

/**
 * Whether two values are equal in Python's sense.
 *
 * @throws TemplateError if that takes too many comparisons
 */
export function equals(a: Value, b: Value, work = { left: mostComparisons }): boolean {
  if (work.left-- <= 0) throw new TemplateError('compares values that nest too much');
  if (isNumber(a) && isNumber(b)) return numeric(a) == numeric(b); // bigint and number compare by value
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (a instanceof Undefined) return b instanceof Undefined;
  if (a instanceof Tuple && b instanceof Tuple) return equalItems(a.items, b.items, work);
  if (a instanceof Range && b instanceof Range) return equalItems(a.items, b.items, work);
  if (isList(a) && isList(b)) return equalItems(a, b, work);
  if (a instanceof Dict && b instanceof Dict) {
    return (
      a.size === b.size &&
      a.entries().every(([key, value]) => {
        const other = b.get(key);
        return other !== undefined && equals(value, other, work);
      })
    );
  }
  return a === b;
}

function equalItems(a: readonly Value[], b: readonly Value[], work: { left: number }): boolean {
  return a.length === b.length && a.every((value, i) => equals(value, b[i] ?? null, work));
}

function numeric(value: bigint | boolean | number): bigint | number {
  return typeof value === 'boolean' ? BigInt(value) : value;
}

/**
 * Compares two values: negative if the first is less.
 *
 * @param operator the operator for the error
 * @throws TemplateError if their types have no order
 */
export function compare(a: Value, b: Value, operator: string): number {
  if (isNumber(a) && isNumber(b)) {
    const [x, y] = [numeric(a), numeric(b)];
    return x < y ? -1 : x > y ? 1 : x == y ? 0 : Number.NaN;
  }
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  const pair =
    isList(a) && isList(b) ? [a, b] : a instanceof Tuple && b instanceof Tuple ? [a.items, b.items] : undefined;
  if (pair !== undefined) {
    const [first = [], second = []] = pair;
    for (const [i, item] of first.entries()) {
      const other = second[i];
      if (other === undefined) return 1;
      if (!equals(item, other)) return compare(item, other, operator);
    }
    return first.length - second.length;
  }
  for (const value of [a, b]) if (value instanceof Undefined) value.refuse();
  throw typeError(`'${operator}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
}

/** Compares by code points. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const [x, y] = [characters(a), characters(b)];
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const difference = (x[i]?.codePointAt(0) ?? 0) - (y[i]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return x.length - y.length;
}

/**
 * Returns a text that is equal for equal dictionary keys.
 *
 * @throws TemplateError if the value cannot be a key
 */
export function hashOf(value: Value): string {
  if (value === null) return 'none';
  if (typeof value === 'string') return `s${value}`;
  if (isNumber(value)) return `n${numeric(value)}`;
  if (value instanceof Tuple) return `t${JSON.stringify(value.items.map(hashOf))}`;
  if (isList(value) || value instanceof Dict) throw typeError(`unhashable type: '${typeName(value)}'`);
  if (value instanceof Undefined) return 'undefined';
  let identity = identities.get(value);
  if (identity === undefined) {
    identity = `o${nextIdentity++}`;
    identities.set(value, identity);
  }
  return identity;
}

const identities = new WeakMap<PythonObject, string>();
let nextIdentity = 0;

/**
 * Converts a JSON value. Whole numbers become ints.
 *
 * @throws TemplateError if that fails
 */
export function fromJson(value: unknown): Value {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(fromJson);
  if (typeof value === 'object') return new Dict(Object.entries(value).map(([key, item]) => [key, fromJson(item)]));
  throw typeError(`a template has no value for a ${typeof value}`);
}
