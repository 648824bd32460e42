/** Python's two kinds of formatting: `'%s' % value` and `'{}'.format(value)`. */
import { boundedLength } from './bounds.js';
import { floatText, repr, str } from './pythonText.js';
import { TemplateError, typeError } from './templateError.js';
import { Dict, Tuple, type Arguments, type Value, integerOf, isNumber, lengthOfText, typeName } from './values.js';

interface Layout {
  readonly fill: string;
  readonly align: '<' | '=' | '>' | '^';
  readonly sign: string;
  readonly alternate: boolean;
  readonly width: number;
  readonly grouping: string;
  readonly precision: number | undefined;
  readonly type: string;
}

const directive = /%(?:\(([^)]*)\))?([-+ #0]*)(\*|\d+)?(?:\.(\*|\d+))?[hlL]?(.)/gsu;

/**
 * Returns `text % value`.
 *
 * @throws TemplateError if the values do not fit the text
 */
export function percentFormat(text: string, value: Value): string {
  const values = value instanceof Tuple ? value.items : [value];
  let used = 0;
  const next = (): Value => {
    const found = values[used++];
    if (found === undefined) throw typeError('not enough arguments for format string');
    return found;
  };
  let usesKeys = false;
  const bad = text.replaceAll(directive, '').indexOf('%');
  if (bad >= 0) throw new TemplateError('ValueError: incomplete format');
  const result = text.replaceAll(
    directive,
    (
      _,
      key: string | undefined,
      flags: string,
      width: string | undefined,
      precision: string | undefined,
      type: string,
    ) => {
      if (type === '%' && key === undefined) return '%';
      if (key !== undefined) usesKeys = true;
      const columns = width === '*' ? Number(integerOf(next()) ?? 0n) : Number(width ?? 0);
      const digits =
        precision === '*' ? Number(integerOf(next()) ?? 0n) : precision === undefined ? undefined : Number(precision);
      const given = key === undefined ? next() : keyed(value, key);
      return percentValue(given, flags, columns, digits, type);
    },
  );
  if (!usesKeys && !(value instanceof Dict) && used < values.length) {
    throw typeError('not all arguments converted during string formatting');
  }
  return result;
}

function keyed(value: Value, key: string): Value {
  if (!(value instanceof Dict)) throw typeError('format requires a mapping');
  const found = value.get(key);
  if (found === undefined) throw new TemplateError(`KeyError: '${key}'`);
  return found;
}

function percentValue(value: Value, flags: string, width: number, precision: number | undefined, type: string): string {
  const left = flags.includes('-');
  const layout: Layout = {
    fill: flags.includes('0') && !left && !'sra'.includes(type) ? '0' : ' ',
    align: left ? '<' : flags.includes('0') && !'sra'.includes(type) ? '=' : '>',
    sign: flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '-',
    alternate: flags.includes('#'),
    width,
    grouping: '',
    precision,
    type,
  };
  if ('sra'.includes(type)) return padded(cut(type === 's' ? str(value) : repr(value), precision), layout);
  if (type === 'c')
    return padded(typeof value === 'string' ? value : String.fromCodePoint(Number(integerOf(value) ?? 0n)), layout);
  if (!isNumber(value)) {
    const wanted = 'diuxXo'.includes(type) ? 'a real number is required' : 'must be real number';
    throw typeError(
      'diuxXo'.includes(type)
        ? `%${type} format: ${wanted}, not ${typeName(value)}`
        : `${wanted}, not ${typeName(value)}`,
    );
  }
  if ('diu'.includes(type)) {
    const whole = typeof value === 'number' ? BigInt(Math.trunc(value)) : (integerOf(value) ?? 0n);
    const digits = (whole < 0n ? -whole : whole).toString().padStart(precision ?? 0, '0');
    return signed(whole < 0n, digits, layout);
  }
  if ('xXo'.includes(type)) return numberText(value, { ...layout, precision: undefined });
  if ('eEfFgG'.includes(type)) return numberText(value, layout);
  throw new TemplateError(`ValueError: unsupported format character '${type}'`);
}

const field = /\{\{|\}\}|\{([^{}!:]*)(?:!([rsa]))?(?::((?:[^{}]|\{[^{}]*\})*))?\}|[{}]/gsu;

/**
 * Returns `text.format(...)`.
 *
 * @param lookup returns an attribute (`.name`) or an item (`[name]`) of a value
 * @throws TemplateError if the values do not fit the text
 */
export function braceFormat(
  text: string,
  { positional, named }: Arguments,
  lookup: (value: Value, name: string | bigint, isAttribute: boolean) => Value,
): string {
  let automatic = 0;
  let manual = false;
  const resolve = (path: string): Value => {
    const [, first = '', rest = ''] = /^([^.[]*)(.*)$/su.exec(path) ?? [];
    const isNumbered = /^\d+$/u.test(first);
    if (first === '' ? manual : isNumbered && automatic > 0) {
      throw new TemplateError('ValueError: cannot mix automatic and manual field numbering');
    }
    manual ||= isNumbered;
    const index = first === '' ? automatic++ : isNumbered ? Number(first) : undefined;
    const start = index === undefined ? named.get(first) : positional[index];
    if (start === undefined) {
      throw new TemplateError(
        index === undefined
          ? `KeyError: '${first}'`
          : `IndexError: Replacement index ${index} out of range for positional args tuple`,
      );
    }
    let value: Value = start;
    for (const [, attribute, item] of rest.matchAll(/\.([^.[]+)|\[([^\]]+)\]/gsu)) {
      if (attribute !== undefined) value = lookup(value, attribute, true);
      else if (item !== undefined) value = lookup(value, /^\d+$/u.test(item) ? BigInt(item) : item, false);
    }
    return value;
  };
  return text.replaceAll(
    field,
    (whole, path: string | undefined, conversion: string | undefined, spec: string | undefined) => {
      if (whole === '{{') return '{';
      if (whole === '}}') return '}';
      if (path === undefined) {
        throw new TemplateError(`ValueError: Single '${whole}' encountered in format string`);
      }
      const value = resolve(path);
      const converted = conversion === undefined ? value : conversion === 's' ? str(value) : repr(value);
      const filled = (spec ?? '').replaceAll(/\{([^{}]*)\}/gu, (_, inner: string) => str(resolve(inner)));
      return formatted(converted, filled);
    },
  );
}

const specification = /^(?:(.)?([<>=^]))?([-+ ])?(z)?(#)?(0)?(\d+)?([_,])?(?:\.(\d+))?([bcdeEfFgGnosxX%])?$/su;

/**
 * Returns `format(value, spec)`.
 *
 * @throws TemplateError if the specification does not fit the value
 */
export function formatted(value: Value, spec: string): string {
  if (spec === '') return str(value);
  const found = specification.exec(spec);
  if (found === null)
    throw new TemplateError(`ValueError: Invalid format specifier '${spec}' for object of type '${typeName(value)}'`);
  const [, fill, align, sign = '-', , alternate, zero, width, grouping = '', precision, type = ''] = found;
  const numeric = isNumber(value);
  const layout: Layout = {
    fill: fill ?? (zero === undefined ? ' ' : '0'),
    align: (align ?? (zero !== undefined && numeric ? '=' : numeric ? '>' : '<')) as Layout['align'],
    sign,
    alternate: alternate !== undefined,
    width: Number(width ?? 0),
    grouping,
    precision: precision === undefined ? undefined : Number(precision),
    type,
  };
  if (typeof value === 'string') {
    if (type !== '' && type !== 's') {
      throw new TemplateError(`ValueError: Unknown format code '${type}' for object of type 'str'`);
    }
    return padded(cut(value, layout.precision), layout);
  }
  if (!numeric) throw typeError(`unsupported format string passed to ${typeName(value)}.__format__`);
  return numberText(value, layout);
}

function numberText(value: bigint | boolean | number, layout: Layout): string {
  const { type, precision, grouping, alternate } = layout;
  if (typeof value !== 'number' && ['', 'd', 'n', 'b', 'o', 'x', 'X', 'c'].includes(type)) {
    const whole = integerOf(value) ?? 0n;
    if (type === 'c') return padded(String.fromCodePoint(Number(whole)), layout);
    const base = { b: 2, o: 8, x: 16, X: 16 }[type] ?? 10;
    const digits = (whole < 0n ? -whole : whole).toString(base);
    const prefix = alternate ? ({ b: '0b', o: '0o', x: '0x', X: '0X' }[type] ?? '') : '';
    const text = grouped(type === 'X' ? digits.toUpperCase() : digits, grouping, base === 10 ? 3 : 4);
    return signed(whole < 0n, text, layout, prefix);
  }
  const number = Number(value);
  const magnitude = Math.abs(number);
  const negative = number < 0 || Object.is(number, -0);
  const digits = ((): string => {
    if (!Number.isFinite(number)) return Number.isNaN(number) ? 'nan' : 'inf';
    switch (type) {
      case 'f':
      case 'F':
        return fixed(magnitude, precision ?? 6);
      case '%':
        return `${fixed(magnitude * 100, precision ?? 6)}%`;
      case 'e':
      case 'E':
        return exponential(magnitude, precision ?? 6);
      case 'g':
      case 'G':
      case 'n':
        return general(magnitude, precision ?? 6, alternate);
      case '':
        if (precision === undefined) return floatText(magnitude);
        return generalFloat(magnitude, precision);
      default:
        throw new TemplateError(`ValueError: Unknown format code '${type}' for object of type 'float'`);
    }
  })();
  const text = 'EFG'.includes(type) && type !== '' ? digits.toUpperCase() : digits;
  const [, whole = '', rest = ''] = /^(\d*)(.*)$/su.exec(text) ?? [];
  return signed(negative, grouped(whole, grouping, 3) + rest, layout);
}

/** Rounds half to even in decimal, based on the exact binary value, as Python does. */
export function fixed(magnitude: number, digits: number): string {
  if (digits <= 100 && magnitude < 1e21) return exactFixed(magnitude, digits);
  return exactFixed(magnitude, Math.min(digits, 1100));
}

/** Writes a float's exact value with a number of decimals. */
function exactFixed(magnitude: number, digits: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, magnitude);
  const bits = view.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const mantissa = exponent === 0 ? fraction : fraction | 0x10000000000000n;
  const shift = (exponent === 0 ? 1 : exponent) - 1075;
  const scaled = mantissa * 10n ** BigInt(digits);
  let rounded: bigint;
  if (shift >= 0) rounded = scaled << BigInt(shift);
  else {
    const divisor = 1n << BigInt(-shift);
    rounded = scaled / divisor;
    const twice = (scaled % divisor) * 2n;
    if (twice > divisor || (twice === divisor && rounded % 2n === 1n)) rounded += 1n;
  }
  const text = rounded.toString().padStart(digits + 1, '0');
  return digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

function exponential(magnitude: number, digits: number): string {
  const [mantissa = '', exponent = ''] = magnitude.toExponential(Math.min(digits, 100)).split('e');
  return `${mantissa}e${exponent.startsWith('-') ? '-' : '+'}${exponent.slice(1).padStart(2, '0')}`;
}

function general(magnitude: number, given: number, alternate: boolean): string {
  const digits = Math.max(1, given);
  const exponent = magnitude === 0 ? 0 : Number(magnitude.toExponential(Math.min(digits - 1, 100)).split('e')[1]);
  const useExponent = exponent < -4 || exponent >= digits;
  const text = useExponent ? exponential(magnitude, digits - 1) : fixed(magnitude, Math.max(0, digits - 1 - exponent));
  if (alternate || !text.includes('.')) return text;
  return text.replace(/\.?0+(?=e|$)/u, '');
}

/** The default format with a precision: general, but always with a decimal point. */
function generalFloat(magnitude: number, given: number): string {
  const digits = Math.max(1, given);
  const exponent = magnitude === 0 ? 0 : Number(magnitude.toExponential(Math.min(digits - 1, 100)).split('e')[1]);
  const text =
    exponent < -4 || exponent >= digits
      ? exponential(magnitude, digits - 1)
      : fixed(magnitude, Math.max(0, digits - 1 - exponent));
  const trimmed = text.includes('.') ? text.replace(/\.?0+(?=e|$)/u, '') : text;
  return /[.e]/u.test(trimmed) ? trimmed : `${trimmed}.0`;
}

function grouped(digits: string, separator: string, size: number): string {
  if (separator === '') return digits;
  const parts: string[] = [];
  for (let end = digits.length; end > 0; end -= size) parts.unshift(digits.slice(Math.max(0, end - size), end));
  return parts.join(separator);
}

function signed(negative: boolean, digits: string, layout: Layout, prefix = ''): string {
  const sign = negative ? '-' : layout.sign === '-' ? '' : layout.sign;
  if (layout.align !== '=') return padded(sign + prefix + digits, layout);
  const missing = boundedLength(layout.width) - sign.length - prefix.length - lengthOfText(digits);
  return sign + prefix + layout.fill.repeat(Math.max(0, missing)) + digits;
}

function padded(text: string, { fill, align, width }: Layout): string {
  const missing = boundedLength(width) - lengthOfText(text);
  if (missing <= 0) return text;
  if (align === '<') return text + fill.repeat(missing);
  if (align !== '^') return fill.repeat(missing) + text;
  const before = Math.floor(missing / 2);
  return fill.repeat(before) + text + fill.repeat(missing - before);
}

function cut(text: string, precision: number | undefined): string {
  return precision === undefined ? text : [...text].slice(0, precision).join('');
}
