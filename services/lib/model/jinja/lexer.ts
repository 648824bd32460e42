/**
 * Splits a template into text and the tokens of its expressions, with `trim_blocks` and `lstrip_blocks` on, as set by
 * transformers. Source of the whitespace rules: `jinja2/lexer.py` of Jinja 3.1.
 */
import { TemplateError } from './templateError.js';

export type TokenKind =
  'text' | 'open' | 'close' | 'block' | 'endBlock' | 'name' | 'string' | 'int' | 'float' | 'operator' | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** The text, the name, the operator, the digits, or the contents of a string. */
  readonly text: string;
  readonly line: number;
}

/** Whitespace as in Python's `\s`. */
export const whiteSpace = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';

const begin = /\{%([-+]?)[WS]*raw[WS]*(?:-%\}[WS]*|%\})|\{([{%#])([-+]?)/u;
const beginning = new RegExp(begin.source.replaceAll('[WS]', `[${whiteSpace}]`), 'gu');
const trailingSpace = new RegExp(`[${whiteSpace}]+$`, 'u');
const onlySpace = new RegExp(`^[${whiteSpace}]+$`, 'u');
const spaceBefore = new RegExp(`[${whiteSpace}]*`, 'uy');
const commentEnd = new RegExp(`\\+#\\}|-#\\}[${whiteSpace}]*|#\\}\\n?`, 'gu');
const rawEnd = new RegExp(
  `\\{%([-+]?)[${whiteSpace}]*endraw[${whiteSpace}]*(?:\\+%\\}|-%\\}[${whiteSpace}]*|%\\}\\n?)`,
  'gu',
);
const blockEnd = new RegExp(`\\+%\\}|-%\\}[${whiteSpace}]*|%\\}\\n?`, 'uy');
const variableEnd = new RegExp(`-\\}\\}[${whiteSpace}]*|\\}\\}`, 'uy');

const number = /(?<!\.)(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?[eE][+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/uy;
const integer = /0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[\da-fA-F])+|[1-9](?:_?\d)*|0(?:_?0)*/uy;
const name = /[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}_]*/uy;
const string = /'[^'\\]*(?:\\[^][^'\\]*)*'|"[^"\\]*(?:\\[^][^"\\]*)*"/uy;
const operator = /\/\/|\*\*|==|!=|>=|<=|[-+/*%~[\](){}=<>.:|,;]/uy;
const pairs: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' };

/**
 * Returns the tokens of a template.
 *
 * @throws TemplateError if it is not one
 */
export function tokenize(source: string): readonly Token[] {
  return new Lexer(source).tokens();
}

class Lexer {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  #position = 0;
  #line = 1;
  /** Whether the text at the position begins a line. */
  #startsLine = true;

  constructor(source: string) {
    const lines = source.replaceAll(/\r\n|\r/gu, '\n');
    this.#source = lines.endsWith('\n') ? lines.slice(0, -1) : lines;
  }

  tokens(): readonly Token[] {
    while (this.#position < this.#source.length) {
      beginning.lastIndex = this.#position;
      const found = beginning.exec(this.#source);
      if (found === null) {
        this.#text(this.#source.slice(this.#position));
        break;
      }
      const [whole, rawSign, opened, sign] = found;
      const text = this.#source.slice(this.#position, found.index);
      this.#text(this.#stripped(text, rawSign ?? sign ?? '', opened !== '{'), text);
      this.#skip(whole);
      if (opened === undefined) this.#raw();
      else if (opened === '#') this.#comment();
      else this.#expression(opened === '%');
    }
    this.#add('end', '');
    return this.#tokens;
  }

  /** Returns text without the whitespace removed by the tag after it. */
  #stripped(text: string, sign: string, isBlock: boolean): string {
    if (sign === '-') return text.replace(trailingSpace, '');
    if (sign === '+' || !isBlock) return text;
    const lineStart = text.lastIndexOf('\n') + 1;
    const startsLine = lineStart > 0 || this.#startsLine;
    return startsLine && onlySpace.test(text.slice(lineStart)) ? text.slice(0, lineStart) : text;
  }

  #text(kept: string, all = kept): void {
    if (kept !== '') this.#add('text', kept);
    this.#skip(all);
  }

  #raw(): void {
    const line = this.#line;
    rawEnd.lastIndex = this.#position;
    const end = rawEnd.exec(this.#source);
    if (end === null) throw new TemplateError('Missing end of raw directive', line);
    const text = this.#source.slice(this.#position, end.index);
    this.#text(this.#stripped(text, end[1] ?? '', true), text);
    this.#skip(end[0]);
  }

  #comment(): void {
    const line = this.#line;
    commentEnd.lastIndex = this.#position;
    const end = commentEnd.exec(this.#source);
    if (end === null) throw new TemplateError('Missing end of comment tag', line);
    this.#skip(this.#source.slice(this.#position, end.index + end[0].length));
  }

  /**
   * Adds the tokens up to the end of a block or of a printed expression.
   *
   * @throws TemplateError if that fails
   */
  #expression(isBlock: boolean): void {
    this.#add(isBlock ? 'block' : 'open', '');
    const opened: string[] = [];
    const ends = isBlock ? blockEnd : variableEnd;
    for (;;) {
      this.#skip(this.#match(spaceBefore) ?? '');
      if (this.#position >= this.#source.length) {
        throw new TemplateError("unexpected end of template; expected the tag's end", this.#line);
      }
      const end = opened.length === 0 ? this.#match(ends) : undefined;
      if (end !== undefined) {
        this.#add(isBlock ? 'endBlock' : 'close', '');
        this.#skip(end);
        return;
      }
      this.#token(opened);
    }
  }

  #token(opened: string[]): void {
    const kinds = [
      ['float', number],
      ['int', integer],
      ['name', name],
      ['string', string],
      ['operator', operator],
    ] as const;
    for (const [kind, pattern] of kinds) {
      const text = this.#match(pattern);
      if (text === undefined) continue;
      if (kind === 'operator') this.#balance(text, opened);
      this.#add(kind, kind === 'string' ? unescaped(text.slice(1, -1)) : text);
      this.#skip(text);
      return;
    }
    throw new TemplateError(`unexpected character ${JSON.stringify(this.#source[this.#position])}`, this.#line);
  }

  #balance(text: string, opened: string[]): void {
    if ('([{'.includes(text)) opened.push(text);
    const opening = pairs[text];
    if (opening !== undefined && opened.pop() !== opening) throw new TemplateError(`unexpected '${text}'`, this.#line);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#position;
    return pattern.exec(this.#source)?.[0];
  }

  #add(kind: TokenKind, text: string): void {
    this.#tokens.push({ kind, text, line: this.#line });
  }

  #skip(text: string): void {
    this.#position += text.length;
    this.#line += text.split('\n').length - 1;
    if (text !== '') this.#startsLine = text.endsWith('\n');
  }
}

const simpleEscapes: Readonly<Record<string, string>> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** Returns a string's contents without its escapes. */
function unescaped(text: string): string {
  return text.replace(
    /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3})|([^]))/gu,
    (whole, x?: string, u?: string, long?: string, octal?: string, single?: string) => {
      const hex = x ?? u ?? long;
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
      return (single === undefined ? undefined : simpleEscapes[single]) ?? whole;
    },
  );
}
