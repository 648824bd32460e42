/** Parses templates: text, printed expressions, and the tags of Jinja with loop controls and `generation` blocks. */
import { ExpressionParser } from './expressionParser.js';
import { tokenize } from './lexer.js';
import type { Expression, MacroDefinition, Statement, Target } from './syntax.js';
import type { TemplateError } from './templateError.js';

/** Tags that require other templates. */
const unsupported = ['extends', 'include', 'import', 'from'];

/**
 * Parses a template.
 *
 * @throws TemplateError with the line, if it is not one
 */
export function parseTemplate(source: string): readonly Statement[] {
  return new Parser(source).template();
}

class Parser {
  readonly #tokens: ExpressionParser;
  /** The number of loops around the current statement. */
  #loops = 0;

  constructor(source: string) {
    this.#tokens = new ExpressionParser(tokenize(source));
  }

  template(): readonly Statement[] {
    const statements = this.#body([]);
    if (!this.#tokens.is('end')) throw this.#unknownTag();
    return statements;
  }

  /**
   * Parses statements up to one of the tags, whose `{%` is consumed.
   *
   * @throws TemplateError if that fails
   */
  #body(ends: readonly string[]): readonly Statement[] {
    const tokens = this.#tokens;
    const statements: Statement[] = [];
    for (;;) {
      const { line } = tokens;
      if (tokens.is('text')) statements.push({ kind: 'text', text: tokens.take().text, line });
      else if (tokens.skip('open')) {
        statements.push({ kind: 'print', value: tokens.tuple(), line });
        tokens.expect('close');
      } else if (tokens.skip('block')) {
        if (ends.length > 0 && tokens.isName(...ends)) return statements;
        const statement = tokens.deeper(() => this.#tag());
        statements.push(...statement);
        tokens.expect('endBlock');
      } else if (ends.length > 0) {
        throw tokens.fail(`unexpected end of template; expected ${ends.join(' or ')}`);
      } else return statements;
    }
  }

  /** Parses a block's body and consumes its end tag except for `%}`. */
  #bodyUntil(end: string): readonly Statement[] {
    this.#tokens.expect('endBlock');
    const body = this.#body([end]);
    this.#tokens.take();
    return body;
  }

  #tag(): readonly Statement[] {
    const tokens = this.#tokens;
    const { line } = tokens;
    const name = tokens.expect('name').text;
    switch (name) {
      case 'if':
        return [this.#if(line)];
      case 'for':
        return [this.#for(line)];
      case 'set':
        return [this.#set(line)];
      case 'print':
        return this.#print(line);
      case 'with':
        return [this.#with(line)];
      case 'macro': {
        const macro = this.#macro(tokens.expect('name').text, 'endmacro');
        return [{ kind: 'macro', macro, line }];
      }
      case 'call':
        return [this.#callBlock(line)];
      case 'filter': {
        const filter = tokens.filters(undefined);
        return [{ kind: 'filterBlock', filter, body: this.#bodyUntil('endfilter'), line }];
      }
      case 'block': {
        tokens.expect('name');
        while (tokens.isName('scoped', 'required')) tokens.take();
        const body = this.#bodyUntil('endblock');
        tokens.skip('name');
        return [{ kind: 'scope', body, line }];
      }
      case 'generation':
        return [{ kind: 'scope', body: this.#bodyUntil('endgeneration'), line }];
      case 'autoescape':
        if (!tokens.isName('false', 'False')) throw tokens.fail('autoescape is not supported');
        tokens.take();
        return [{ kind: 'scope', body: this.#bodyUntil('endautoescape'), line }];
      case 'break':
      case 'continue':
        if (this.#loops === 0) throw tokens.fail(`'${name}' outside of a loop`);
        return [{ kind: name, line }];
      default:
        throw this.#unknownTag(name);
    }
  }

  #if(line: number): Statement {
    const tokens = this.#tokens;
    const branches: (readonly [Expression, readonly Statement[]])[] = [];
    for (;;) {
      const test = tokens.withoutCondition();
      tokens.expect('endBlock');
      branches.push([test, this.#body(['elif', 'else', 'endif'])]);
      const tag = tokens.take().text;
      if (tag === 'elif') continue;
      const otherwise = tag === 'else' ? this.#bodyUntil('endif') : [];
      return { kind: 'if', branches, otherwise, line };
    }
  }

  #for(line: number): Statement {
    const tokens = this.#tokens;
    const target = this.#targets(['in']);
    tokens.expect('name', 'in');
    const over = tokens.tuple({ conditions: false, ends: ['recursive'] });
    const test = tokens.skip('name', 'if') ? tokens.expression() : undefined;
    const recursive = tokens.skip('name', 'recursive');
    tokens.expect('endBlock');
    this.#loops++;
    const body = this.#body(['endfor', 'else']);
    this.#loops--;
    const otherwise = tokens.take().text === 'else' ? this.#bodyUntil('endfor') : [];
    return { kind: 'for', target, over, test, recursive, body, otherwise, line };
  }

  #set(line: number): Statement {
    const tokens = this.#tokens;
    const target = this.#targets([]);
    if (tokens.skip('operator', '=')) return { kind: 'set', target, value: tokens.tuple(), line };
    const filter = tokens.skip('operator', '|') ? tokens.filters(undefined) : undefined;
    return { kind: 'setBlock', target, filter, body: this.#bodyUntil('endset'), line };
  }

  #print(line: number): readonly Statement[] {
    const tokens = this.#tokens;
    const values: Expression[] = [];
    while (!tokens.is('endBlock')) {
      if (values.length > 0) tokens.expect('operator', ',');
      values.push(tokens.expression());
    }
    return values.map((value) => ({ kind: 'print', value, line }));
  }

  #with(line: number): Statement {
    const tokens = this.#tokens;
    const bindings: (readonly [Target, Expression])[] = [];
    while (!tokens.is('endBlock')) {
      if (bindings.length > 0) tokens.expect('operator', ',');
      const target = this.#target();
      tokens.expect('operator', '=');
      bindings.push([target, tokens.expression()]);
    }
    return { kind: 'with', bindings, body: this.#bodyUntil('endwith'), line };
  }

  #callBlock(line: number): Statement {
    const tokens = this.#tokens;
    const parameters = tokens.isOperator('(') ? this.#parameters() : [];
    const call = tokens.expression();
    if (call.kind !== 'call') throw tokens.fail('expected call');
    const caller = this.#macroBody('caller', parameters, 'endcall');
    return { kind: 'callBlock', call, caller, line };
  }

  #macro(name: string, end: string): MacroDefinition {
    return this.#macroBody(name, this.#parameters(), end);
  }

  #macroBody(name: string, parameters: MacroDefinition['parameters'], end: string): MacroDefinition {
    const { reads } = this.#tokens;
    const before = new Set(reads);
    reads.clear();
    const loops = this.#loops;
    this.#loops = 0;
    const body = this.#bodyUntil(end);
    this.#loops = loops;
    const own = new Set(reads);
    for (const one of before) reads.add(one);
    return { name, parameters, body, reads: own };
  }

  #parameters(): MacroDefinition['parameters'] {
    const tokens = this.#tokens;
    const parameters: { name: string; default: Expression | undefined }[] = [];
    tokens.expect('operator', '(');
    while (!tokens.isOperator(')')) {
      if (parameters.length > 0) tokens.expect('operator', ',');
      const { text: name } = tokens.expect('name');
      const value = tokens.skip('operator', '=') ? tokens.expression() : undefined;
      if (value === undefined && parameters.at(-1)?.default !== undefined) {
        throw tokens.fail('non-default argument follows default argument');
      }
      parameters.push({ name, default: value });
    }
    tokens.take();
    return parameters;
  }

  /** Parses one target, or several separated by commas, up to a name that ends them. */
  #targets(ends: readonly string[]): Target {
    const tokens = this.#tokens;
    const { line } = tokens;
    const targets = [this.#target()];
    let several = false;
    while (tokens.skip('operator', ',')) {
      several = true;
      if (tokens.isName(...ends) || tokens.isOperator('=', ')')) break;
      targets.push(this.#target());
    }
    const [only] = targets;
    return several || only === undefined ? { kind: 'targets', targets, line } : only;
  }

  #target(): Target {
    const tokens = this.#tokens;
    const { line } = tokens;
    if (tokens.skip('operator', '(')) {
      const target = this.#targets([]);
      tokens.expect('operator', ')');
      return target;
    }
    const name = tokens.expect('name').text;
    if (['true', 'false', 'none', 'True', 'False', 'None'].includes(name)) {
      throw tokens.fail(`can't assign to '${name}'`);
    }
    if (!tokens.skip('operator', '.')) return { kind: 'name', name, line };
    return { kind: 'field', namespace: name, name: tokens.expect('name').text, line };
  }

  #unknownTag(name = this.#tokens.current.text): TemplateError {
    const why = unsupported.includes(name)
      ? 'needs other templates, which a chat template does not have'
      : 'is unknown';
    return this.#tokens.fail(`the tag '${name}' ${why}`);
  }
}
