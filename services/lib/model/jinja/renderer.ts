/** Renders statements. */
import { boundedLength } from './bounds.js';
import type { Budget } from './budget.js';
import { Evaluator, located } from './evaluator.js';
import { Loop } from './loop.js';
import { str } from './pythonText.js';
import { Scope } from './scope.js';
import type { Expression, MacroDefinition, Statement, Target } from './syntax.js';
import { TemplateError, typeError } from './templateError.js';
import { Callable, Dict, Namespace, Tuple, Undefined, type Arguments, type Value, firstOf, isTrue } from './values.js';

/** What a statement does to the loop around it. */
type Flow = 'next' | 'break' | 'continue';

/** A growing text. */
class Output {
  readonly #parts: string[] = [];
  #length = 0;

  /** @throws TemplateError if it becomes too long */
  add(text: string): void {
    this.#length = boundedLength(this.#length + text.length);
    this.#parts.push(text);
  }

  text(): string {
    return this.#parts.join('');
  }
}

/** Renders the statements of one rendering. */
export class Renderer {
  readonly #values: Evaluator;

  constructor(budget: Budget) {
    this.#values = new Evaluator(budget);
  }

  /**
   * Renders statements as a text.
   *
   * @throws TemplateError with the line of the statement that fails
   */
  template(statements: readonly Statement[], scope: Scope): string {
    const output = new Output();
    this.#run(statements, scope, output);
    return output.text();
  }

  #run(statements: readonly Statement[], scope: Scope, output: Output): Flow {
    for (const statement of statements) {
      this.#values.step();
      let flow: Flow;
      try {
        flow = this.#statement(statement, scope, output);
      } catch (error) {
        throw located(error, statement.line);
      }
      if (flow !== 'next') return flow;
    }
    return 'next';
  }

  #statement(statement: Statement, scope: Scope, output: Output): Flow {
    const values = this.#values;
    switch (statement.kind) {
      case 'text':
        this.#write(statement.text, output);
        return 'next';
      case 'print':
        this.#write(str(values.evaluate(statement.value, scope)), output);
        return 'next';
      case 'if': {
        const branch = statement.branches.find(([test]) => isTrue(values.evaluate(test, scope)));
        return this.#run(branch?.[1] ?? statement.otherwise, scope, output);
      }
      case 'for':
        return this.#for(statement, scope, output, values.evaluate(statement.over, scope), 0);
      case 'set':
        this.#assign(statement.target, values.evaluate(statement.value, scope), scope);
        return 'next';
      case 'setBlock': {
        const text = this.template(statement.body, new Scope(scope));
        this.#assign(statement.target, this.#filtered(statement.filter, text, scope), scope);
        return 'next';
      }
      case 'with': {
        const inner = new Scope(scope);
        const bound = statement.bindings.map(([target, value]) => [target, values.evaluate(value, scope)] as const);
        for (const [target, value] of bound) this.#assign(target, value, inner);
        return this.#run(statement.body, inner, output);
      }
      case 'macro':
        scope.set(statement.macro.name, this.#macro(statement.macro, scope));
        return 'next';
      case 'callBlock':
        this.#callBlock(statement, scope, output);
        return 'next';
      case 'filterBlock': {
        const text = this.template(statement.body, new Scope(scope));
        this.#write(str(this.#filtered(statement.filter, text, scope)), output);
        return 'next';
      }
      case 'scope':
        return this.#run(statement.body, new Scope(scope), output);
      case 'break':
      case 'continue':
        return statement.kind;
    }
  }

  #write(text: string, output: Output): void {
    this.#values.charge(text.length);
    output.add(text);
  }

  #for(statement: Extract<Statement, { kind: 'for' }>, scope: Scope, output: Output, over: Value, depth: number): Flow {
    const values = this.#values;
    const { target, test, body, recursive, otherwise } = statement;
    const items = values.collect(over).filter((item) => {
      if (test === undefined) return true;
      const inner = new Scope(scope);
      this.#assign(target, item, inner);
      return isTrue(values.evaluate(test, inner));
    });
    const recurse = (more: Value): Value => {
      const nested = new Output();
      this.#for(statement, scope, nested, more, depth + 1);
      return nested.text();
    };
    const loop = new Loop(items, depth, recursive ? recurse : undefined);
    for (const [index, item] of items.entries()) {
      values.step();
      const inner = new Scope(scope);
      inner.set('loop', loop.at(index));
      this.#assign(target, item, inner);
      if (this.#run(body, inner, output) === 'break') break;
    }
    return items.length === 0 ? this.#run(otherwise, new Scope(scope), output) : 'next';
  }

  #assign(target: Target, value: Value, scope: Scope): void {
    if (target.kind === 'name') {
      scope.set(target.name, value);
      return;
    }
    if (target.kind === 'field') {
      const namespace = scope.get(target.namespace);
      if (!(namespace instanceof Namespace)) {
        if (namespace === undefined) new Undefined(`'${target.namespace}' is undefined`).refuse();
        throw new TemplateError('cannot assign attribute on non-namespace object');
      }
      namespace.set(target.name, value);
      return;
    }
    const parts = this.#values.collect(value);
    const { targets } = target;
    if (parts.length < targets.length) {
      throw new TemplateError(
        `ValueError: not enough values to unpack (expected ${targets.length}, got ${parts.length})`,
      );
    }
    if (parts.length > targets.length) {
      throw new TemplateError(`ValueError: too many values to unpack (expected ${targets.length})`);
    }
    for (const [i, one] of targets.entries()) this.#assign(one, parts[i] ?? null, scope);
  }

  /** Applies the filters of a block's tag to its text. */
  #filtered(filter: Expression | undefined, text: string, scope: Scope): Value {
    if (filter?.kind !== 'filter') return text;
    const value = this.#filtered(filter.value, text, scope);
    return this.#values.filter(filter.name, value, this.#values.arguments(filter.given, scope));
  }

  #callBlock({ call, caller }: Extract<Statement, { kind: 'callBlock' }>, scope: Scope, output: Output): void {
    if (call.kind !== 'call') throw new TemplateError('expected call');
    const given = this.#values.arguments(call.given, scope);
    const named = new Map(given.named).set('caller', this.#macro(caller, scope));
    const callee = this.#values.evaluate(call.callee, scope);
    this.#write(str(this.#values.call(callee, { ...given, named })), output);
  }

  #macro(definition: MacroDefinition, scope: Scope): Callable {
    const { name, parameters, reads, body } = definition;
    const call = (given: Arguments): Value => {
      const inner = new Scope(scope);
      this.#bind(definition, given, inner);
      return this.template(body, inner);
    };
    return new Callable(name, call, {
      type: 'Macro',
      attributes: {
        name,
        arguments: new Tuple(parameters.map((parameter) => parameter.name)),
        catch_kwargs: reads.has('kwargs'),
        catch_varargs: reads.has('varargs'),
        caller: reads.has('caller'),
      },
    });
  }

  /**
   * Sets the variables of a macro's parameters.
   *
   * @throws TemplateError if that fails
   */
  #bind({ name, parameters, reads }: MacroDefinition, { positional, named }: Arguments, inner: Scope): void {
    const rest = new Map(named);
    for (const [i, parameter] of parameters.entries()) {
      const value = firstOf(positional[i], () => rest.get(parameter.name));
      if (positional[i] !== undefined && rest.has(parameter.name)) {
        throw typeError(`macro '${name}' got multiple values for argument '${parameter.name}'`);
      }
      rest.delete(parameter.name);
      inner.set(
        parameter.name,
        firstOf(value, () =>
          parameter.default === undefined
            ? new Undefined(`parameter '${parameter.name}' was not provided`)
            : this.#values.evaluate(parameter.default, inner),
        ),
      );
    }
    const caller = rest.get('caller');
    if (reads.has('caller')) {
      rest.delete('caller');
      inner.set('caller', caller ?? new Undefined('No caller defined'));
    }
    if (reads.has('kwargs')) inner.set('kwargs', new Dict(rest));
    else if (caller !== undefined && rest.has('caller')) {
      throw typeError(
        `macro '${name}' was invoked with two values for the special caller argument. This is most likely a bug.`,
      );
    } else {
      const [unknown] = rest.keys();
      if (unknown !== undefined) throw typeError(`macro '${name}' takes no keyword argument '${unknown}'`);
    }
    if (reads.has('varargs')) inner.set('varargs', new Tuple(positional.slice(parameters.length)));
    else if (positional.length > parameters.length) {
      throw typeError(`macro '${name}' takes not more than ${parameters.length} argument(s)`);
    }
  }
}
