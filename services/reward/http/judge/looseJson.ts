/**
 * Reads JSON objects from a text that also contains prose, as language models write them. In addition to JSON it accepts
 * what is unambiguous: single quotes, keys without quotes, Python's `True`, `False`, `None` and `NaN`, numbers such as
 * `.5` and `+5`, trailing commas, and line breaks inside strings.
 */

/** A value and its position in the text. Members of an object may have equal keys. */
export interface LooseValue {
  readonly start: number;
  /** After its last character. */
  readonly end: number;
  readonly value: string | number | boolean | null | LooseObject | readonly LooseValue[];
}

/** An object as a list of its members, in order. */
export class LooseObject {
  readonly members: readonly (readonly [key: string, value: LooseValue])[];

  constructor(members: LooseObject['members']) {
    this.members = members;
  }
}

/** An object in a text. `value` is undefined if it begins like an object but cannot be read as one. */
export interface FoundObject {
  readonly start: number;
  readonly end: number;
  readonly value: LooseObject | undefined;
}

/** Maximum nesting depth of a value. */
const deepest = 64;
/**
 * Maximum number of characters read while searching for objects. Texts with many unfinished objects are read repeatedly.
 */
const longestSearch = 5_000_000;

/**
 * Finds the outermost objects of a text, in order. Braces not followed by a key, as in `{completion}`, are prose.
 *
 * @throws RangeError if the text has too many unfinished objects
 *
 * @example
 * ```ts
 * findObjects('I say {"score": 7}.'); // [{ start: 6, end: 18, value: … }]
 * ```
 */
export function findObjects(text: string): FoundObject[] {
  const found: FoundObject[] = [];
  let read = 0;
  for (let start = text.indexOf('{'); start !== -1;) {
    const reader = new Reader(text, start);
    const value = reader.object();
    read += reader.at - start;
    if (read > longestSearch) throw new RangeError('has too many unfinished objects');
    let next = start + 1;
    if (value !== undefined) {
      found.push({ start, end: value.end, value: value.value });
      next = value.end;
    } else if (reader.hadKey) {
      const end = closingBrace(text, start);
      read += end - start;
      found.push({ start, end, value: undefined });
      next = end;
    }
    start = text.indexOf('{', next);
  }
  return found;
}

/** Returns the index after the brace that closes the one at `start`, or the text's length. Quotes are not considered. */
function closingBrace(text: string, start: number): number {
  let depth = 0;
  for (let i = start; i < text.length; i += 1) {
    if (text[i] === '{') depth += 1;
    else if (text[i] === '}' && (depth -= 1) === 0) return i + 1;
  }
  return text.length;
}

const words: ReadonlyMap<string, boolean | null | number> = new Map<string, boolean | null | number>([
  ['true', true],
  ['True', true],
  ['false', false],
  ['False', false],
  ['null', null],
  ['None', null],
  ['NaN', NaN],
  ['nan', NaN],
  ['Infinity', Infinity],
  ['inf', Infinity],
  ['-Infinity', -Infinity],
  ['-inf', -Infinity],
]);

const escapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** A recursive-descent parser. Its methods return undefined if they cannot read a value. */
class Reader {
  at: number;
  /** Whether the outermost object's first key and its colon were read. */
  hadKey = false;
  readonly #text: string;

  constructor(text: string, start: number) {
    this.#text = text;
    this.at = start;
  }

  object(depth = 0): (LooseValue & { readonly value: LooseObject }) | undefined {
    const start = this.at;
    const members: (readonly [string, LooseValue])[] = [];
    this.at += 1;
    for (;;) {
      if (this.#takes('}')) return { start, end: this.at, value: new LooseObject(members) };
      if (members.length > 0 && !this.#takes(',')) return undefined;
      if (members.length > 0 && this.#takes('}')) return { start, end: this.at, value: new LooseObject(members) };
      const key = this.#key();
      if (key === undefined || !this.#takes(':')) return undefined;
      this.hadKey = true;
      const value = this.#value(depth + 1);
      if (value === undefined) return undefined;
      members.push([key, value]);
    }
  }

  #value(depth: number): LooseValue | undefined {
    if (depth > deepest) return undefined;
    this.#space();
    const start = this.at;
    const first = this.#text[start];
    if (first === '{') return this.object(depth);
    if (first === '[') return this.#array(depth);
    const value = first === '"' || first === "'" ? this.#string(first) : this.#scalar();
    return value === undefined ? undefined : { start, end: this.at, value };
  }

  #array(depth: number): LooseValue | undefined {
    const start = this.at;
    const values: LooseValue[] = [];
    this.at += 1;
    for (;;) {
      if (this.#takes(']')) return { start, end: this.at, value: values };
      if (values.length > 0 && !this.#takes(',')) return undefined;
      if (values.length > 0 && this.#takes(']')) return { start, end: this.at, value: values };
      const value = this.#value(depth + 1);
      if (value === undefined) return undefined;
      values.push(value);
    }
  }

  #key(): string | undefined {
    this.#space();
    const first = this.#text[this.at];
    if (first === '"' || first === "'") return this.#string(first);
    return this.#match(/[\p{L}_$][\p{L}\p{N}_$-]*/uy);
  }

  #string(quote: string): string | undefined {
    let value = '';
    for (let i = this.at + 1; i < this.#text.length; i += 1) {
      const character = this.#text[i] ?? '';
      if (character === quote) {
        this.at = i + 1;
        return value;
      }
      if (character !== '\\') {
        value += character;
        continue;
      }
      i += 1;
      const escaped = this.#text[i] ?? '';
      const hex = escaped === 'u' ? /^[0-9a-fA-F]{4}$/.exec(this.#text.slice(i + 1, i + 5)) : null;
      if (hex !== null) i += 4;
      value += hex === null ? (escapes[escaped] ?? escaped) : String.fromCharCode(parseInt(hex[0], 16));
    }
    this.at = this.#text.length;
    return undefined;
  }

  /** Reads a number or a word, which must end before a comma, a bracket or whitespace. */
  #scalar(): number | boolean | null | undefined {
    const source = this.#match(/[^\s,\]}]+/y) ?? '';
    if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(source)) return Number(source);
    return words.get(source);
  }

  #match(sticky: RegExp): string | undefined {
    sticky.lastIndex = this.at;
    const [found] = sticky.exec(this.#text) ?? [];
    this.at += found?.length ?? 0;
    return found;
  }

  #space(): void {
    this.#match(/\s+/y);
  }

  /** Whether a character comes next; if so, consumes it. */
  #takes(character: string): boolean {
    this.#space();
    if (this.#text[this.at] !== character) return false;
    this.at += 1;
    return true;
  }
}
