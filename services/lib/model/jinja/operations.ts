/** Python's operators, attributes and items, with the restrictions of Jinja's immutable sandbox. */
import { Given } from './arguments.js';
import { assertBits, boundedItems, boundedLength } from './bounds.js';
import { braceFormat, percentFormat } from './formatting.js';
import { repr, str } from './pythonText.js';
import type { BinaryOperator } from './syntax.js';
import { TemplateError, typeError } from './templateError.js';
import { textMethod } from './textMethods.js';
import {
  Callable,
  Dict,
  DictView,
  PythonObject,
  Range,
  Tuple,
  Undefined,
  type Arguments,
  type Value,
  characters,
  equals,
  firstOf,
  integerOf,
  isList,
  isNumber,
  sequenceItems,
  typeName,
} from './values.js';

type Arithmetic = Exclude<BinaryOperator, 'and' | 'or'>;

/**
 * Computes a binary operator.
 *
 * @throws TemplateError if the types have no such operator
 */
export function binary(operator: Arithmetic, left: Value, right: Value): Value {
  if (typeof left === 'string' && operator === '%') return percentFormat(left, right);
  for (const value of [left, right]) if (value instanceof Undefined) value.refuse();
  if (isNumber(left) && isNumber(right)) {
    const [a, b] = [integerOf(left), integerOf(right)];
    return a !== undefined && b !== undefined
      ? integers(operator, a, b)
      : floats(operator, Number(left), Number(right));
  }
  if (operator === '+') {
    if (typeof left === 'string' && typeof right === 'string') {
      boundedLength(left.length + right.length);
      return left + right;
    }
    if (isList(left) && isList(right)) return joined(left, right);
    if (left instanceof Tuple && right instanceof Tuple) return new Tuple(joined(left.items, right.items));
    if (typeof left === 'string') throw typeError(`can only concatenate str (not "${typeName(right)}") to str`);
    if (isList(left)) throw typeError(`can only concatenate list (not "${typeName(right)}") to list`);
  }
  if (operator === '*') {
    const product = repeated(left, integerOf(right)) ?? repeated(right, integerOf(left));
    if (product !== undefined) return product;
  }
  const shown = operator === '**' ? '** or pow()' : operator;
  throw typeError(`unsupported operand type(s) for ${shown}: '${typeName(left)}' and '${typeName(right)}'`);
}

function joined(a: readonly Value[], b: readonly Value[]): readonly Value[] {
  boundedItems(a.length + b.length);
  return [...a, ...b];
}

function repeated(value: Value, count: bigint | undefined): Value | undefined {
  if (count === undefined) return undefined;
  const times = Math.max(0, Number(count));
  if (typeof value === 'string') {
    boundedLength(value.length * times);
    return value.repeat(times);
  }
  if (!isList(value) && !(value instanceof Tuple)) return undefined;
  const items = isList(value) ? value : value.items;
  boundedItems(items.length * times);
  const all = Array.from({ length: times }, () => items).flat();
  return isList(value) ? all : new Tuple(all);
}

function integers(operator: Arithmetic, a: bigint, b: bigint): Value {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return bounded(a * b);
    case '/':
      if (b === 0n) throw new TemplateError('ZeroDivisionError: division by zero');
      return quotient(a, b);
    case '**':
      if (a === 0n && b < 0n) throw zeroToNegative();
      if (b < 0n) return Number(a) ** Number(b);
      assertBits(Number(b) * a.toString(2).length);
      return a ** b;
    default: {
      if (b === 0n) throw new TemplateError('ZeroDivisionError: integer division or modulo by zero');
      const remainder = ((a % b) + b) % b;
      return operator === '%' ? remainder : (a - remainder) / b;
    }
  }
}

function zeroToNegative(): TemplateError {
  return new TemplateError('ZeroDivisionError: 0.0 cannot be raised to a negative power');
}

/** Divides ints to a float with a single rounding. */
function quotient(a: bigint, b: bigint): number {
  if (Number.isSafeInteger(Number(a)) && Number.isSafeInteger(Number(b))) return Number(a) / Number(b);
  const [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  const shift = Math.max(0, 66 - x.toString(2).length + y.toString(2).length);
  const scaled = x << BigInt(shift);
  const digits = scaled / y;
  const sticky = scaled % y === 0n ? digits : digits | 1n;
  const magnitude = Number(sticky) / 2 ** shift;
  return a < 0n === b < 0n ? magnitude : -magnitude;
}

function bounded(value: bigint): bigint {
  assertBits(value.toString(2).length);
  return value;
}

function floats(operator: Arithmetic, a: number, b: number): Value {
  if (b === 0 && ['/', '//', '%'].includes(operator)) {
    throw new TemplateError(
      `ZeroDivisionError: ${operator === '/' ? 'float division by zero' : 'float floor division by zero'}`,
    );
  }
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '**':
      if (a === 0 && b < 0) throw zeroToNegative();
      if (a < 0 && !Number.isInteger(b)) throw new TemplateError('ValueError: a power of a negative number is complex');
      return a ** b;
    default: {
      let remainder = a % b;
      if (remainder !== 0 && remainder < 0 !== b < 0) remainder += b;
      if (operator === '%') return remainder;
      return Math.round((a - remainder) / b);
    }
  }
}

/**
 * Computes `-value` or `+value`.
 *
 * @throws TemplateError if it is not a number
 */
export function signed(operator: '+' | '-', value: Value): Value {
  if (value instanceof Undefined) return value.refuse();
  if (!isNumber(value)) throw typeError(`bad operand type for unary ${operator}: '${typeName(value)}'`);
  const integer = integerOf(value);
  if (integer !== undefined) return operator === '-' ? -integer : integer;
  return operator === '-' ? -Number(value) : value;
}

/**
 * Whether `member in container`.
 *
 * @throws TemplateError if the container has no members
 */
export function contains(container: Value, member: Value): boolean {
  if (typeof container === 'string') {
    if (typeof member !== 'string') {
      throw typeError(`'in <string>' requires string as left operand, not ${typeName(member)}`);
    }
    return container.includes(member);
  }
  if (container instanceof Dict) return container.get(member) !== undefined;
  if (container instanceof Undefined) return false;
  const items = container instanceof DictView ? container.items : sequenceItems(container);
  if (items === undefined) throw typeError(`argument of type '${typeName(container)}' is not iterable`);
  return items.some((item) => equals(item, member));
}

/** Mutating methods, which the sandbox refuses. */
const changing: Readonly<Record<string, readonly string[]>> = {
  dict: ['clear', 'pop', 'popitem', 'setdefault', 'update'],
  list: ['append', 'clear', 'pop', 'reverse', 'insert', 'sort', 'extend', 'remove'],
};

/**
 * Returns `value.name`: an attribute or, if there is none, an item.
 *
 * @throws TemplateError if the value is undefined
 */
export function attributeOf(value: Value, name: string): Value {
  if (value instanceof Undefined) return value.refuse();
  return firstOf(ownAttribute(value, name), () => firstOf(item(value, name), () => missing(value, name)));
}

/**
 * Returns `getattr(value, name)`: an attribute, and never an item.
 *
 * @throws TemplateError if the value is undefined
 */
export function attributeAlone(value: Value, name: string): Value {
  if (value instanceof Undefined) return value.refuse();
  return firstOf(ownAttribute(value, name), () => missing(value, name));
}

/**
 * Returns `value[index]`: an item or, if there is none, an attribute.
 *
 * @throws TemplateError if the value is undefined
 */
export function itemOf(value: Value, index: Value): Value {
  if (value instanceof Undefined) return value.refuse();
  const own = (): Value | undefined => (typeof index === 'string' ? ownAttribute(value, index) : undefined);
  return firstOf(item(value, index), () => firstOf(own(), () => missing(value, index)));
}

function ownAttribute(value: Value, name: string): Value | undefined {
  if (name.startsWith('__') && name.endsWith('__')) return unsafe(value, name);
  if (changing[typeName(value)]?.includes(name) === true) return unsafe(value, name);
  if (typeof value === 'string') return stringAttribute(value, name);
  if (value instanceof Dict) return dictAttribute(value, name);
  const items = isList(value) ? value : value instanceof Tuple ? value.items : undefined;
  const ofList = items && listAttribute(items, name);
  if (ofList !== undefined || isList(value)) return ofList;
  if (isNumber(value)) return numberAttribute(value, name);
  return value instanceof PythonObject ? value.attribute(name) : undefined;
}

function unsafe(value: Value, name: string): Undefined {
  return new Undefined(`access to attribute '${name}' of '${typeName(value)}' object is unsafe.`);
}

function missing(value: Value, name: Value): Undefined {
  return new Undefined(
    typeof name === 'string'
      ? `'${typeName(value)} object' has no attribute '${name}'`
      : `${typeName(value)} object has no element ${repr(name)}`,
  );
}

function method(name: string, call: (given: Arguments) => Value): Callable {
  return new Callable(name, call, { type: 'built-in method' });
}

function stringAttribute(value: string, name: string): Value | undefined {
  if (name === 'format') {
    return method(name, (given) =>
      braceFormat(value, given, (object, key, isAttribute) =>
        isAttribute ? attributeOf(object, String(key)) : itemOf(object, key),
      ),
    );
  }
  const found = textMethod(name);
  return found && method(name, (given) => found(value, given));
}

function dictAttribute(value: Dict, name: string): Value | undefined {
  switch (name) {
    case 'items':
      return method(
        name,
        () =>
          new DictView(
            'dict_items',
            value.entries().map((entry) => new Tuple(entry)),
          ),
      );
    case 'keys':
      return method(
        name,
        () =>
          new DictView(
            'dict_keys',
            value.entries().map(([key]) => key),
          ),
      );
    case 'values':
      return method(
        name,
        () =>
          new DictView(
            'dict_values',
            value.entries().map(([, one]) => one),
          ),
      );
    case 'get':
      return method(name, (given) => {
        const read = new Given('get', given, 'key', 'default');
        return firstOf(value.get(read.value('key')), () => firstOf(read.get('default'), () => null));
      });
    case 'copy':
      return method(name, () => value);
    default:
      return undefined;
  }
}

function listAttribute(items: readonly Value[], name: string): Value | undefined {
  switch (name) {
    case 'count':
      return method(name, (given) => {
        const wanted = new Given('count', given, 'value').value('value');
        return BigInt(items.filter((one) => equals(one, wanted)).length);
      });
    case 'index':
      return method(name, (given) => {
        const wanted = new Given('index', given, 'value').value('value');
        const place = items.findIndex((one) => equals(one, wanted));
        if (place < 0) throw new TemplateError(`ValueError: ${repr(wanted)} is not in list`);
        return BigInt(place);
      });
    case 'copy':
      return method(name, () => items);
    default:
      return undefined;
  }
}

function numberAttribute(value: bigint | boolean | number, name: string): Value | undefined {
  const integer = integerOf(value);
  if (name === 'is_integer') return method(name, () => integer !== undefined || Number.isInteger(value));
  if (name === 'real') return integer ?? value;
  if (name === 'imag') return integer === undefined ? 0 : 0n;
  if (integer === undefined) return undefined;
  if (name === 'bit_length')
    return method(name, () => BigInt(integer === 0n ? 0 : integer.toString(2).replace('-', '').length));
  if (name === 'numerator') return integer;
  return name === 'denominator' ? 1n : undefined;
}

function item(value: Value, index: Value): Value | undefined {
  if (value instanceof Dict) return typeof index === 'object' && isList(index) ? undefined : value.get(index);
  const place = integerOf(index);
  if (place === undefined) return undefined;
  const items = typeof value === 'string' ? characters(value) : sequenceItems(value);
  return items?.[Number(place < 0n ? BigInt(items.length) + place : place)];
}

/**
 * Returns `value[start:stop:step]`.
 *
 * @throws TemplateError if the value cannot be sliced
 */
export function slice(value: Value, bounds: readonly [Value, Value, Value]): Value {
  if (value instanceof Undefined) return value.refuse();
  const items = typeof value === 'string' ? characters(value) : sequenceItems(value);
  if (items === undefined) {
    if (value instanceof Dict) return new Undefined(`dict object has no element slice`);
    throw typeError(`'${typeName(value)}' object is not subscriptable`);
  }
  const [start, stop, step] = bounds.map((bound) => {
    if (bound === null) return undefined;
    const integer = integerOf(bound);
    if (integer === undefined) throw typeError('slice indices must be integers or None or have an __index__ method');
    return Number(integer);
  });
  const picked = sliced(items, start, stop, step ?? 1);
  if (typeof value === 'string') return picked.map(str).join('');
  if (value instanceof Range) return rangeSlice(value, picked, step ?? 1);
  return value instanceof Tuple ? new Tuple(picked) : picked;
}

/** Returns the part of a range with the picked items. */
function rangeSlice({ step }: Range, picked: readonly Value[], by: number): Range {
  const [first, last] = [picked[0], picked.at(-1)];
  const stride = step * BigInt(by);
  if (typeof first !== 'bigint' || typeof last !== 'bigint') return new Range(0n, 0n, 1n);
  return new Range(first, last + stride, stride);
}

function sliced(items: readonly Value[], start: number | undefined, stop: number | undefined, step: number): Value[] {
  if (step === 0) throw new TemplateError('ValueError: slice step cannot be zero');
  const { length } = items;
  const [low, high] = step > 0 ? [0, length] : [-1, length - 1];
  const place = (given: number | undefined, otherwise: number): number =>
    given === undefined ? otherwise : Math.min(high, Math.max(low, given < 0 ? given + length : given));
  const first = place(start, step > 0 ? 0 : length - 1);
  const end = place(stop, step > 0 ? length : -1);
  const picked: Value[] = [];
  for (let i = first; step > 0 ? i < end : i > end; i += step) {
    const one = items[i];
    if (one !== undefined) picked.push(one);
  }
  return picked;
}
