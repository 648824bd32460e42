/** Computes expressions. */
import type { Budget } from './budget.js';
import type { Caller } from './calling.js';
import { filterNamed } from './filters.js';
import { attributeOf, binary, contains, itemOf, signed, slice } from './operations.js';
import { str } from './pythonText.js';
import type { Scope } from './scope.js';
import type { CallArguments, Comparison, Expression } from './syntax.js';
import { TemplateError, typeError } from './templateError.js';
import { testNamed } from './tests.js';
import {
  Callable,
  Dict,
  Tuple,
  Undefined,
  type Arguments,
  type Value,
  collected,
  compare,
  equals,
  firstOf,
  isTrue,
  iterate,
  typeName,
} from './values.js';

/** How deeply macros and recursive loops may call each other. */
const deepestCall = 100;

/** Computes the expressions of one rendering. */
export class Evaluator implements Caller {
  readonly #budget: Budget;
  #depth = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  step(): void {
    this.#budget.step();
  }

  charge(characters: number): void {
    this.#budget.charge(characters);
  }

  collect(value: Value): Value[] {
    if (typeof value === 'string') this.charge(value.length);
    return collected(iterate(value), () => {
      this.step();
    });
  }

  filter(name: string, value: Value, given: Arguments): Value {
    const filter = filterNamed(name);
    if (filter === undefined) throw new TemplateError(`No filter named '${name}'.`);
    this.#chargeText(value);
    return filter(value, given, this);
  }

  test(name: string, value: Value, given: Arguments): boolean {
    const test = testNamed(name);
    if (test === undefined) throw new TemplateError(`No test named '${name}'.`);
    return test(value, given, this);
  }

  /**
   * Calls a value.
   *
   * @throws TemplateError if it cannot be called, or calls itself too deeply
   */
  call(callee: Value, given: Arguments): Value {
    if (callee instanceof Undefined) return callee.refuse();
    if (!(callee instanceof Callable)) throw typeError(`'${typeName(callee)}' object is not callable`);
    if (++this.#depth > deepestCall) throw new TemplateError('RecursionError: maximum recursion depth exceeded');
    const result = callee.call(given);
    this.#depth--;
    this.#chargeText(result);
    return result;
  }

  /**
   * Computes an expression.
   *
   * @throws TemplateError with the expression's line
   */
  evaluate(expression: Expression, scope: Scope): Value {
    this.step();
    try {
      return this.#value(expression, scope);
    } catch (error) {
      throw located(error, expression.line);
    }
  }

  /**
   * Computes the arguments of a call.
   *
   * @throws TemplateError if that fails
   */
  arguments({ positional, named, rest, namedRest }: CallArguments, scope: Scope): Arguments {
    const values = positional.map((one) => this.evaluate(one, scope));
    const byName = new Map<string, Value>();
    for (const [name, one] of named) byName.set(name, this.evaluate(one, scope));
    if (rest !== undefined) values.push(...this.collect(this.evaluate(rest, scope)));
    if (namedRest !== undefined) {
      const more = this.evaluate(namedRest, scope);
      if (!(more instanceof Dict)) throw typeError(`argument after ** must be a mapping, not ${typeName(more)}`);
      for (const [name, one] of more.entries()) byName.set(str(name), one);
    }
    return { positional: values, named: byName };
  }

  #value(expression: Expression, scope: Scope): Value {
    switch (expression.kind) {
      case 'constant':
        return expression.value;
      case 'name':
        return firstOf(scope.get(expression.name), () => new Undefined(`'${expression.name}' is undefined`));
      case 'list':
        return expression.items.map((item) => this.evaluate(item, scope));
      case 'tuple':
        return new Tuple(expression.items.map((item) => this.evaluate(item, scope)));
      case 'dict':
        return new Dict(
          expression.entries.map(([key, value]) => [this.evaluate(key, scope), this.evaluate(value, scope)] as const),
        );
      case 'unary': {
        const value = this.evaluate(expression.operand, scope);
        return expression.operator === 'not' ? !isTrue(value) : signed(expression.operator, value);
      }
      case 'binary':
        return this.#binary(expression, scope);
      case 'join': {
        const text = expression.parts.map((part) => str(this.evaluate(part, scope))).join('');
        this.charge(text.length);
        return text;
      }
      case 'compare':
        return this.#compare(expression, scope);
      case 'condition':
        if (isTrue(this.evaluate(expression.test, scope))) return this.evaluate(expression.then, scope);
        if (expression.otherwise !== undefined) return this.evaluate(expression.otherwise, scope);
        return new Undefined(
          `the inline if-expression on line ${expression.line} evaluated to false and no else section was defined.`,
        );
      case 'attribute':
        return attributeOf(this.evaluate(expression.object, scope), expression.name);
      case 'item':
        return itemOf(this.evaluate(expression.object, scope), this.evaluate(expression.index, scope));
      case 'slice': {
        const [start, stop, step] = expression.bounds.map((one) =>
          one === undefined ? null : this.evaluate(one, scope),
        );
        const result = slice(this.evaluate(expression.object, scope), [start ?? null, stop ?? null, step ?? null]);
        this.#chargeText(result);
        return result;
      }
      case 'call':
        return this.call(this.evaluate(expression.callee, scope), this.arguments(expression.given, scope));
      case 'filter': {
        if (filterNamed(expression.name) === undefined)
          throw new TemplateError(`No filter named '${expression.name}'.`);
        const value = expression.value === undefined ? '' : this.evaluate(expression.value, scope);
        return this.filter(expression.name, value, this.arguments(expression.given, scope));
      }
      case 'test': {
        const value = this.evaluate(expression.value, scope);
        return this.test(expression.name, value, this.arguments(expression.given, scope));
      }
    }
  }

  #binary({ operator, left, right }: Extract<Expression, { kind: 'binary' }>, scope: Scope): Value {
    const first = this.evaluate(left, scope);
    if (operator === 'and') return isTrue(first) ? this.evaluate(right, scope) : first;
    if (operator === 'or') return isTrue(first) ? first : this.evaluate(right, scope);
    const result = binary(operator, first, this.evaluate(right, scope));
    this.#chargeText(result);
    return result;
  }

  #compare({ first, others }: Extract<Expression, { kind: 'compare' }>, scope: Scope): boolean {
    let left = this.evaluate(first, scope);
    for (const [operator, expression] of others) {
      const right = this.evaluate(expression, scope);
      if (!holds(operator, left, right)) return false;
      left = right;
    }
    return true;
  }

  #chargeText(value: Value): void {
    if (typeof value === 'string') this.charge(value.length);
    else if (Array.isArray(value)) this.#budget.step(value.length);
  }
}

function holds(operator: Comparison, left: Value, right: Value): boolean {
  switch (operator) {
    case '==':
      return equals(left, right);
    case '!=':
      return !equals(left, right);
    case 'in':
      return contains(right, left);
    case 'not in':
      return !contains(right, left);
    case '<':
      return compare(left, right, operator) < 0;
    case '<=':
      return compare(left, right, operator) <= 0;
    case '>':
      return compare(left, right, operator) > 0;
    case '>=':
      return compare(left, right, operator) >= 0;
  }
}

/** Returns an error with the line where it happened, if it has none yet. */
export function located(error: unknown, line: number): unknown {
  if (error instanceof TemplateError && error.line === 0) error.line = line;
  return error;
}
