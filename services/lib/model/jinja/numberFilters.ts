/** The filters that make and round numbers. */
import { Given } from './arguments.js';
import { fixed } from './formatting.js';
import { TemplateError, typeError } from './templateError.js';
import { stripped } from './textMethods.js';
import { Undefined, type Arguments, type Value, firstOf, integerOf, isNumber, typeName } from './values.js';

/**
 * Returns `int(value)`, or a default.
 *
 * @throws TemplateError if the value is undefined
 */
export function integerFilter(value: Value, given: Arguments): Value {
  const read = new Given('int', given, 'default', 'base');
  const otherwise = firstOf(read.get('default'), () => 0n);
  if (value instanceof Undefined) return value.refuse();
  if (typeof value === 'string') {
    const whole = integerText(value, read.integer('base', 10));
    if (whole !== undefined) return whole;
    const float = floatOf(value);
    return float === undefined || !Number.isFinite(float) ? otherwise : BigInt(Math.trunc(float));
  }
  if (typeof value === 'number') return Number.isFinite(value) ? BigInt(Math.trunc(value)) : otherwise;
  return firstOf(integerOf(value), () => otherwise);
}

/**
 * Returns `float(value)`, or a default.
 *
 * @throws TemplateError if the value is undefined
 */
export function floatFilter(value: Value, given: Arguments): Value {
  const otherwise = firstOf(new Given('float', given, 'default').get('default'), () => 0);
  if (value instanceof Undefined) return value.refuse();
  if (isNumber(value)) return Number(value);
  return firstOf(typeof value === 'string' ? floatOf(value) : undefined, () => otherwise);
}

/**
 * Returns `round(value, precision)`, or rounds up or down.
 *
 * @throws TemplateError if that fails
 */
export function roundFilter(value: Value, given: Arguments): Value {
  const read = new Given('round', given, 'precision', 'method');
  const precision = read.integer('precision', 0);
  const method = read.text('method', 'common');
  if (!['common', 'ceil', 'floor'].includes(method)) throw new TemplateError('method must be common, ceil or floor');
  if (value instanceof Undefined) return value.refuse();
  if (!isNumber(value)) throw typeError(`type ${typeName(value)} doesn't define __round__ method`);
  const integer = integerOf(value);
  if (method === 'common')
    return integer === undefined ? rounded(Number(value), precision) : roundedInteger(integer, precision);
  const scale = 10 ** precision;
  const scaled = Number(value) * scale;
  return (method === 'ceil' ? Math.ceil(scaled) : Math.floor(scaled)) / scale;
}

function roundedInteger(value: bigint, precision: number): bigint {
  if (precision >= 0) return value;
  const unit = 10n ** BigInt(-precision);
  const remainder = ((value % unit) + unit) % unit;
  const down = value - remainder;
  if (remainder * 2n === unit) return (down / unit) % 2n === 0n ? down : down + unit;
  return remainder * 2n > unit ? down + unit : down;
}

function rounded(value: number, precision: number): number {
  if (!Number.isFinite(value)) return value;
  const magnitude = Math.abs(value);
  if (precision < 0) {
    const unit = 10 ** -precision;
    return Math.sign(value) * Number(roundedInteger(BigInt(Math.trunc(magnitude)), precision)) || 0 * unit;
  }
  const result = Number(fixed(magnitude, precision));
  return value < 0 || Object.is(value, -0) ? -result : result;
}

function integerText(text: string, base: number): bigint | undefined {
  const [, sign = '', digits = ''] = /^([-+]?)(.*)$/su.exec(stripped(text, undefined, true, true)) ?? [];
  const prefixes: Readonly<Record<string, number>> = { '0b': 2, '0o': 8, '0x': 16 };
  const prefix = prefixes[digits.slice(0, 2).toLowerCase()];
  const usesPrefix = prefix !== undefined && (base === prefix || base === 0);
  const radix = base === 0 ? (prefix ?? 10) : base;
  const plain = (usesPrefix ? digits.slice(2) : digits).toLowerCase();
  if (!/^[\p{Nd}a-z]+(?:_[\p{Nd}a-z]+)*$/u.test(plain)) return undefined;
  let value = 0n;
  for (const one of plain.replaceAll('_', '')) {
    const digit = /[a-z]/u.test(one) ? one.charCodeAt(0) - 87 : decimalDigit(one);
    if (digit >= radix) return undefined;
    value = value * BigInt(radix) + BigInt(digit);
  }
  return sign === '-' ? -value : value;
}

/** The value of a decimal digit in any script: digits come in runs of ten code points. */
function decimalDigit(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  let zero = code;
  while (code - zero < 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero--;
  return code - zero;
}

function floatOf(text: string): number | undefined {
  const plain = stripped(text, undefined, true, true).toLowerCase();
  const named = /^([-+]?)(inf|infinity|nan)$/u.exec(plain);
  if (named !== null) return named[2] === 'nan' ? Number.NaN : named[1] === '-' ? -Infinity : Infinity;
  const digits = '\\d+(?:_\\d+)*';
  const pattern = new RegExp(`^[-+]?(?:${digits}(?:\\.(?:${digits})?)?|\\.${digits})(?:e[-+]?${digits})?$`, 'u');
  return pattern.test(plain) ? Number(plain.replaceAll('_', '')) : undefined;
}
