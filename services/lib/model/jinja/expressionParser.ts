/** Parses expressions. Source: `jinja2/parser.py` of Jinja 3.1, whose grammar this is. */
import type { Token, TokenKind } from './lexer.js';
import type { BinaryOperator, CallArguments, Comparison, Expression } from './syntax.js';
import { TemplateError } from './templateError.js';

/** How deeply expressions and blocks may nest. */
const deepest = 200;

const comparisons: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=']);
const factors: readonly string[] = ['*', '/', '//', '%'];
const noArguments: CallArguments = { positional: [], named: [], rest: undefined, namedRest: undefined };

/** Reads tokens in order, and expressions from them. */
export class ExpressionParser {
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;
  /** Every name that an expression has read so far. */
  readonly reads = new Set<string>();

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get current(): Token {
    return this.#peek(0);
  }

  get line(): number {
    return this.current.line;
  }

  /**
   * Runs a parser one level deeper.
   *
   * @throws TemplateError if that is too deep
   */
  deeper<T>(parse: () => T): T {
    if (++this.#depth > deepest) throw this.fail(`nests more than ${deepest} levels`);
    const result = parse();
    this.#depth--;
    return result;
  }

  is(kind: TokenKind, text?: string): boolean {
    return this.#isAt(0, kind, text);
  }

  isName(...names: readonly string[]): boolean {
    return this.current.kind === 'name' && names.includes(this.current.text);
  }

  isOperator(...operators: readonly string[]): boolean {
    return this.current.kind === 'operator' && operators.includes(this.current.text);
  }

  take(): Token {
    const token = this.current;
    this.#next++;
    return token;
  }

  /** Consumes the token if it is the expected one. */
  skip(kind: TokenKind, text?: string): boolean {
    if (!this.is(kind, text)) return false;
    this.#next++;
    return true;
  }

  expect(kind: TokenKind, text?: string): Token {
    if (!this.is(kind, text)) throw this.fail(`expected ${text ?? kind}, found ${this.#shown()}`);
    return this.take();
  }

  fail(message: string): TemplateError {
    return new TemplateError(message, this.line);
  }

  /**
   * Parses an expression, or several separated by commas as a tuple.
   *
   * @throws TemplateError if that fails
   */
  tuple({ conditions = true, explicit = false, ends }: TupleOptions = {}): Expression {
    const { line } = this;
    const items: Expression[] = [];
    let isTuple = false;
    for (;;) {
      if (items.length > 0) this.expect('operator', ',');
      if (this.#endsTuple(ends)) break;
      items.push(conditions ? this.expression() : this.#or());
      if (!this.isOperator(',')) break;
      isTuple = true;
    }
    const [only] = items;
    if (!isTuple && only !== undefined) return only;
    if (items.length === 0 && !explicit) throw this.fail(`expected an expression, found ${this.#shown()}`);
    return { kind: 'tuple', items, line };
  }

  /** Parses an expression with an inline `if`. */
  expression(): Expression {
    return this.deeper(() => {
      const { line } = this;
      let value = this.#or();
      while (this.skip('name', 'if')) {
        const test = this.#or();
        const otherwise = this.skip('name', 'else') ? this.expression() : undefined;
        value = { kind: 'condition', test, then: value, otherwise, line };
      }
      return value;
    });
  }

  /** Parses an expression without an inline `if`, which would belong to a `for`. */
  withoutCondition(): Expression {
    return this.tuple({ conditions: false });
  }

  /** Parses `name(...)|name...` after a `|` that has been consumed. */
  filters(start: Expression | undefined): Expression {
    let value = start;
    do {
      const { line } = this;
      const name = this.#dottedName();
      const given = this.isOperator('(') ? this.arguments() : noArguments;
      value = { kind: 'filter', value, name, given, line };
    } while (this.skip('operator', '|'));
    return value;
  }

  /**
   * Parses the arguments of a call in parentheses.
   *
   * @throws TemplateError if that fails
   */
  arguments(): CallArguments {
    this.expect('operator', '(');
    const positional: Expression[] = [];
    const named: (readonly [string, Expression])[] = [];
    let [rest, namedRest]: [Expression | undefined, Expression | undefined] = [undefined, undefined];
    for (let first = true; !this.isOperator(')'); first = false) {
      if (!first) {
        this.expect('operator', ',');
        if (this.isOperator(')')) break;
      }
      if (this.skip('operator', '*')) rest = this.expression();
      else if (this.skip('operator', '**')) namedRest = this.expression();
      else if (this.is('name') && this.#isAt(1, 'operator', '=')) {
        const { text } = this.take();
        this.take();
        named.push([text, this.expression()]);
      } else {
        if (named.length > 0 || rest !== undefined || namedRest !== undefined) {
          throw this.fail('invalid syntax for function call expression');
        }
        positional.push(this.expression());
      }
    }
    this.expect('operator', ')');
    return { positional, named, rest, namedRest };
  }

  #or(): Expression {
    return this.#leftToRight(['or'], 'name', () => this.#and());
  }

  #and(): Expression {
    return this.#leftToRight(['and'], 'name', () => this.#not());
  }

  #not(): Expression {
    const { line } = this;
    if (!this.skip('name', 'not')) return this.#compare();
    return { kind: 'unary', operator: 'not', operand: this.deeper(() => this.#not()), line };
  }

  #compare(): Expression {
    const { line } = this;
    const first = this.#sum();
    const others: (readonly [Comparison, Expression])[] = [];
    for (let found = this.#comparison(); found !== undefined; found = this.#comparison()) {
      others.push([found, this.#sum()]);
    }
    return others.length === 0 ? first : { kind: 'compare', first, others, line };
  }

  #comparison(): Comparison | undefined {
    if (this.is('operator') && comparisons.has(this.current.text)) return this.take().text as Comparison;
    if (this.skip('name', 'in')) return 'in';
    if (!this.isName('not') || !this.#isAt(1, 'name', 'in')) return undefined;
    this.#next += 2;
    return 'not in';
  }

  #sum(): Expression {
    return this.#leftToRight(['+', '-'], 'operator', () => this.#join());
  }

  #join(): Expression {
    const { line } = this;
    const parts = [this.#product()];
    while (this.skip('operator', '~')) parts.push(this.#product());
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : { kind: 'join', parts, line };
  }

  #product(): Expression {
    return this.#leftToRight(factors, 'operator', () => this.#power());
  }

  #power(): Expression {
    return this.#leftToRight(['**'], 'operator', () => this.#unary(true));
  }

  #leftToRight(operators: readonly string[], kind: TokenKind, operand: () => Expression): Expression {
    let { line } = this;
    let left = operand();
    while (this.is(kind) && operators.includes(this.current.text)) {
      const operator = this.take().text as BinaryOperator;
      left = { kind: 'binary', operator, left, right: operand(), line };
      ({ line } = this);
    }
    return left;
  }

  #unary(withFilter: boolean): Expression {
    const { line } = this;
    let value: Expression;
    if (this.isOperator('-', '+')) {
      const operator = this.take().text as '+' | '-';
      value = { kind: 'unary', operator, operand: this.deeper(() => this.#unary(false)), line };
    } else value = this.#primary();
    value = this.#postfix(value);
    return withFilter ? this.#filtersAndTests(value) : value;
  }

  #primary(): Expression {
    const token = this.take();
    const { line, text } = token;
    switch (token.kind) {
      case 'name': {
        const constant = { true: true, True: true, false: false, False: false, none: null, None: null }[text];
        if (constant !== undefined) return { kind: 'constant', value: constant, line };
        this.reads.add(text);
        return { kind: 'name', name: text, line };
      }
      case 'string': {
        let value = text;
        while (this.is('string')) value += this.take().text;
        return { kind: 'constant', value, line };
      }
      case 'int':
        return { kind: 'constant', value: BigInt(text.replaceAll('_', '')), line };
      case 'float':
        return { kind: 'constant', value: Number(text.replaceAll('_', '')), line };
      case 'operator':
        if (text === '(') {
          const value = this.deeper(() => this.tuple({ explicit: true }));
          this.expect('operator', ')');
          return value;
        }
        if (text === '[') return { kind: 'list', items: this.deeper(() => this.#items()), line };
        if (text === '{') return { kind: 'dict', entries: this.deeper(() => this.#entries()), line };
        break;
      default:
    }
    this.#next--;
    throw this.fail(`unexpected ${this.#shown()}`);
  }

  #items(): readonly Expression[] {
    const items: Expression[] = [];
    while (!this.isOperator(']')) {
      if (items.length > 0) this.expect('operator', ',');
      if (this.isOperator(']')) break;
      items.push(this.expression());
    }
    this.take();
    return items;
  }

  #entries(): readonly (readonly [Expression, Expression])[] {
    const entries: (readonly [Expression, Expression])[] = [];
    while (!this.isOperator('}')) {
      if (entries.length > 0) this.expect('operator', ',');
      if (this.isOperator('}')) break;
      const key = this.expression();
      this.expect('operator', ':');
      entries.push([key, this.expression()]);
    }
    this.take();
    return entries;
  }

  #postfix(start: Expression): Expression {
    let value = start;
    for (;;) {
      if (this.isOperator('.', '[')) value = this.#subscript(value);
      else if (this.isOperator('(')) value = this.#call(value);
      else return value;
    }
  }

  #call(callee: Expression): Expression {
    const { line } = this;
    return { kind: 'call', callee, given: this.deeper(() => this.arguments()), line };
  }

  #filtersAndTests(start: Expression): Expression {
    let value = start;
    for (;;) {
      if (this.skip('operator', '|')) value = this.#filter(value);
      else if (this.skip('name', 'is')) value = this.#test(value);
      else if (this.isOperator('(')) value = this.#call(value);
      else return value;
    }
  }

  #filter(value: Expression): Expression {
    const { line } = this;
    const name = this.#dottedName();
    const given = this.isOperator('(') ? this.deeper(() => this.arguments()) : noArguments;
    return { kind: 'filter', value, name, given, line };
  }

  #test(value: Expression): Expression {
    const { line } = this;
    const negated = this.skip('name', 'not');
    const name = this.#dottedName();
    let given = noArguments;
    const begins = ['name', 'string', 'int', 'float'].includes(this.current.kind) || this.isOperator('[', '{');
    if (this.isOperator('(')) given = this.deeper(() => this.arguments());
    else if (begins && !this.isName('else', 'or', 'and')) {
      if (this.isName('is')) throw this.fail('You cannot chain multiple tests with is');
      const argument = this.deeper(() => this.#postfix(this.#primary()));
      given = { ...noArguments, positional: [argument] };
    }
    const test: Expression = { kind: 'test', value, name, given, line };
    return negated ? { kind: 'unary', operator: 'not', operand: test, line } : test;
  }

  #dottedName(): string {
    let name = this.expect('name').text;
    while (this.skip('operator', '.')) name += `.${this.expect('name').text}`;
    return name;
  }

  #subscript(object: Expression): Expression {
    const { line } = this;
    if (this.skip('operator', '.')) {
      if (this.is('name')) return { kind: 'attribute', object, name: this.take().text, line };
      const index = this.expect('int').text;
      return { kind: 'item', object, index: { kind: 'constant', value: BigInt(index), line }, line };
    }
    this.take();
    const parts: Subscript[] = [];
    while (!this.isOperator(']')) {
      if (parts.length > 0) this.expect('operator', ',');
      parts.push(this.deeper(() => this.#part()));
    }
    this.take();
    const [only] = parts;
    if (only === undefined) throw this.fail('expected a subscript');
    if (parts.length === 1 && 'bounds' in only) return { kind: 'slice', object, bounds: only.bounds, line };
    const items = parts.map((part) => {
      if ('bounds' in part) throw this.fail('a slice cannot be part of a tuple');
      return part.index;
    });
    const index: Expression = parts.length === 1 && 'index' in only ? only.index : { kind: 'tuple', items, line };
    return { kind: 'item', object, index, line };
  }

  #part(): Subscript {
    const start = this.isOperator(':') ? undefined : this.expression();
    if (start !== undefined && !this.isOperator(':')) return { index: start };
    this.take();
    const stop = this.isOperator(':', ']', ',') ? undefined : this.expression();
    const step = this.skip('operator', ':') && !this.isOperator(']', ',') ? this.expression() : undefined;
    return { bounds: [start, stop, step] };
  }

  #endsTuple(ends: readonly string[] | undefined): boolean {
    return (
      this.is('close') || this.is('endBlock') || this.isOperator(')') || (ends !== undefined && this.isName(...ends))
    );
  }

  #peek(ahead: number): Token {
    const token = this.#tokens[this.#next + ahead] ?? this.#tokens.at(-1);
    if (token === undefined) throw new TemplateError('has no tokens');
    return token;
  }

  #isAt(ahead: number, kind: TokenKind, text?: string): boolean {
    const token = this.#peek(ahead);
    return token.kind === kind && (text === undefined || token.text === text);
  }

  #shown(): string {
    const { kind, text } = this.current;
    if (kind === 'endBlock') return "'end of statement block'";
    if (kind === 'close') return "'end of print statement'";
    return kind === 'end' ? "'end of template'" : JSON.stringify(text);
  }
}

/** How a tuple without parentheses ends. */
interface TupleOptions {
  readonly conditions?: boolean;
  /** Whether it may be empty. */
  readonly explicit?: boolean;
  /** Names that end it. */
  readonly ends?: readonly string[];
}

type Subscript =
  | { readonly index: Expression }
  | { readonly bounds: readonly [Expression | undefined, Expression | undefined, Expression | undefined] };
