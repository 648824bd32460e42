/** Formats values as Python does: `str()`, `repr()`, and JSON. */
import { boundedItems } from './bounds.js';
import { typeError } from './templateError.js';
import {
  Callable,
  Dict,
  DictView,
  type Value,
  PythonObject,
  Range,
  Tuple,
  Undefined,
  characters,
  isList,
  typeName,
} from './values.js';

/** Returns `str(value)`. */
export function str(value: Value): string {
  return typeof value === 'string' ? value : value instanceof Undefined ? '' : repr(value);
}

/** Counts the parts of a value as they are written. A part that occurs many times counts many times. */
class Parts {
  #count = 0;

  /** @throws TemplateError if there are too many */
  add(): void {
    boundedItems((this.#count += 1));
  }
}

/**
 * Returns `repr(value)`.
 *
 * @throws TemplateError if the value has too many parts
 */
export function repr(value: Value, parts = new Parts()): string {
  parts.add();
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') return floatText(value);
  if (typeof value === 'string') return quoted(value);
  if (isList(value)) return `[${listed(value, parts)}]`;
  if (value instanceof Tuple) return tupleText(value.items, parts);
  if (value instanceof Dict) {
    return `{${value
      .entries()
      .map(([key, item]) => `${repr(key, parts)}: ${repr(item, parts)}`)
      .join(', ')}}`;
  }
  if (value instanceof DictView) return `${value.type}([${listed(value.items, parts)}])`;
  if (value instanceof Range) {
    return `range(${value.start}, ${value.stop}${value.step === 1n ? '' : `, ${value.step}`})`;
  }
  if (value instanceof Undefined) return 'Undefined';
  if (value instanceof Callable) return `<${value.type} ${value.name}>`;
  return value instanceof PythonObject ? value.text() : '';
}

function tupleText(items: readonly Value[], parts: Parts): string {
  const [only] = items;
  return items.length === 1 && only !== undefined ? `(${repr(only, parts)},)` : `(${listed(items, parts)})`;
}

function listed(items: readonly Value[], parts: Parts): string {
  return items.map((item) => repr(item, parts)).join(', ');
}

/**
 * Returns `repr` of a float: the shortest digits that read back as the same number, with an exponent below 1e-4 and from
 * 1e16 on.
 */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0.0';
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e16)) {
    const [mantissa = '', exponent = '0'] = value.toExponential().split('e');
    const digits = exponent.slice(1).padStart(2, '0');
    return `${mantissa}e${exponent.startsWith('-') ? '-' : '+'}${digits}`;
  }
  const text = value.toString().includes('e') ? BigInt(value).toString() : value.toString();
  return text.includes('.') ? text : `${text}.0`;
}

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const written = characters(text).map((character) => {
    if (character === quote) return `\\${character}`;
    return escapes[character] ?? (isPrintable(character) ? character : escapedCharacter(character));
  });
  return `${quote}${written.join('')}${quote}`;
}

function isPrintable(character: string): boolean {
  return character === ' ' || !/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Zs}]/u.test(character);
}

function escapedCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code < 0x100) return `\\x${hex.padStart(2, '0')}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}

/** The options of `json.dumps`. */
export interface JsonOptions {
  readonly ascii: boolean;
  readonly indent: string | undefined;
  readonly separators: readonly [string, string] | undefined;
  readonly sortKeys: boolean;
}

/**
 * Returns `json.dumps(value)`.
 *
 * @throws TemplateError if a value has no JSON
 */
export function json(value: Value, options: JsonOptions): string {
  const [comma, colon] = options.separators ?? [options.indent === undefined ? ', ' : ',', ': '];
  const count = new Parts();
  const write = (one: Value, outer: string): string => {
    count.add();
    if (one === null) return 'null';
    if (typeof one === 'boolean') return one ? 'true' : 'false';
    if (typeof one === 'bigint') return one.toString();
    if (typeof one === 'number') return jsonFloat(one);
    if (typeof one === 'string') return jsonText(one, options.ascii);
    const inner = options.indent === undefined ? '' : outer + options.indent;
    const block = (open: string, parts: readonly string[], close: string): string => {
      if (parts.length === 0) return open + close;
      if (options.indent === undefined) return open + parts.join(comma) + close;
      return `${open}\n${inner}${parts.join(`${comma}\n${inner}`)}\n${outer}${close}`;
    };
    if (isList(one))
      return block(
        '[',
        one.map((item) => write(item, inner)),
        ']',
      );
    if (one instanceof Tuple)
      return block(
        '[',
        one.items.map((item) => write(item, inner)),
        ']',
      );
    if (one instanceof Dict) {
      const entries = [...one.entries()];
      if (options.sortKeys) entries.sort(([a], [b]) => (jsonKey(a) < jsonKey(b) ? -1 : 1));
      const parts = entries.map(
        ([key, item]) => `${jsonText(jsonKey(key), options.ascii)}${colon}${write(item, inner)}`,
      );
      return block('{', parts, '}');
    }
    throw typeError(`Object of type ${typeName(one)} is not JSON serializable`);
  };
  return write(value, '');
}

function jsonFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  return floatText(value);
}

function jsonKey(key: Value): string {
  if (typeof key === 'string') return key;
  if (key === null) return 'null';
  if (typeof key === 'boolean') return key ? 'true' : 'false';
  if (typeof key === 'bigint') return key.toString();
  if (typeof key === 'number') return jsonFloat(key);
  throw typeError(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
}

const jsonEscapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\b': '\\b',
  '\f': '\\f',
};

function jsonText(text: string, ascii: boolean): string {
  // eslint-disable-next-line no-control-regex -- JSON escapes control characters
  const special = ascii ? /["\\]|[^ -~]/g : /["\\\u0000-\u001f]/g;
  const escaped = text.replace(
    special,
    (character) => jsonEscapes[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `"${escaped}"`;
}
