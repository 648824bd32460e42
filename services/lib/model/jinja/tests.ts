/** Jinja's tests, which follow `is`. */
import { Given } from './arguments.js';
import type { Caller } from './calling.js';
import { filterNamed } from './filters.js';
import { contains } from './operations.js';
import { str } from './pythonText.js';
import { typeError } from './templateError.js';
import {
  Callable,
  Dict,
  Generator,
  Undefined,
  type Arguments,
  type Value,
  compare,
  equals,
  integerOf,
  isList,
  isNumber,
  lengthOf,
  typeName,
} from './values.js';

/**
 * A test.
 *
 * @throws TemplateError if the value or the arguments do not suit it
 */
export type Test = (value: Value, given: Arguments, caller: Caller) => boolean;

const ordered =
  (operator: '<' | '<=' | '>' | '>=', holds: (order: number) => boolean): Test =>
  (value, given) =>
    holds(compare(value, new Given(operator, given, 'other').value('other'), operator));

const equal: Test = (value, given) => equals(value, new Given('eq', given, 'other').value('other'));
const different: Test = (value, given) => !equals(value, new Given('ne', given, 'other').value('other'));
const greater = ordered('>', (order) => order > 0);
const less = ordered('<', (order) => order < 0);

const tests: Readonly<Record<string, Test>> = {
  odd: (value) => remainder(value, 2n) === 1n,
  even: (value) => remainder(value, 2n) === 0n,
  divisibleby: (value, given) => {
    const divisor = integerOf(new Given('divisibleby', given, 'num').value('num'));
    if (divisor === undefined) throw typeError('divisibleby needs an integer');
    return remainder(value, divisor) === 0n;
  },
  defined: (value) => !(value instanceof Undefined),
  undefined: (value) => value instanceof Undefined,
  filter: (value) => filterNamed(str(value)) !== undefined,
  test: (value) => testNamed(str(value)) !== undefined,
  none: (value) => value === null,
  boolean: (value) => typeof value === 'boolean',
  false: (value) => value === false,
  true: (value) => value === true,
  integer: (value) => typeof value === 'bigint',
  float: (value) => typeof value === 'number',
  lower: (value) => /[\p{Ll}]/u.test(str(value)) && !/[\p{Lu}\p{Lt}]/u.test(str(value)),
  upper: (value) => /[\p{Lu}]/u.test(str(value)) && !/[\p{Ll}\p{Lt}]/u.test(str(value)),
  string: (value) => typeof value === 'string',
  mapping: (value) => value instanceof Dict,
  number: (value) => isNumber(value),
  sequence: (value) => lengthOf(value) !== undefined && !isView(value),
  iterable: (value) => value instanceof Generator || lengthOf(value) !== undefined,
  callable: (value) => value instanceof Callable,
  sameas: (value, given) => {
    const other = new Given('sameas', given, 'other').value('other');
    return value === other && typeof value !== 'number';
  },
  escaped: () => false,
  in: (value, given) => contains(new Given('in', given, 'seq').value('seq'), value),
  '==': equal,
  eq: equal,
  equalto: equal,
  '!=': different,
  ne: different,
  '>': greater,
  gt: greater,
  greaterthan: greater,
  '>=': ordered('>=', (order) => order >= 0),
  ge: ordered('>=', (order) => order >= 0),
  '<': less,
  lt: less,
  lessthan: less,
  '<=': ordered('<=', (order) => order <= 0),
  le: ordered('<=', (order) => order <= 0),
};

/** Returns a test; undefined if there is none with that name. */
export function testNamed(name: string): Test | undefined {
  return Object.hasOwn(tests, name) ? tests[name] : undefined;
}

function remainder(value: Value, divisor: bigint): bigint | number {
  if (value instanceof Undefined) return value.refuse();
  const integer = integerOf(value);
  if (integer !== undefined) return ((integer % divisor) + divisor) % divisor;
  if (typeof value !== 'number') {
    if (typeof value === 'string') throw typeError('not all arguments converted during string formatting');
    throw typeError(`unsupported operand type(s) for %: '${typeName(value)}' and 'int'`);
  }
  const rest = ((value % Number(divisor)) + Number(divisor)) % Number(divisor);
  return Number.isInteger(rest) ? BigInt(rest) : rest;
}

/** Dictionary views have a length but cannot be indexed. */
function isView(value: Value): boolean {
  return !isList(value) && typeName(value).startsWith('dict_');
}
