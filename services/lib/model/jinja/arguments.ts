/** Reads the arguments of a call by the names of its parameters. */
import { TemplateError, typeError } from './templateError.js';
import { type Arguments, type Value, Undefined, integerOf, typeName } from './values.js';

/** The arguments of one call. */
export class Given {
  readonly #name: string;
  readonly #values = new Map<string, Value>();

  /**
   * @throws TemplateError if there are more arguments than parameters, or one with an unknown name
   */
  constructor(name: string, { positional, named }: Arguments, ...parameters: readonly string[]) {
    this.#name = name;
    if (positional.length > parameters.length) {
      throw typeError(`${name}() takes at most ${parameters.length} arguments (${positional.length} given)`);
    }
    for (const [i, value] of positional.entries()) this.#values.set(parameters[i] ?? '', value);
    for (const [key, value] of named) {
      if (!parameters.includes(key)) throw typeError(`${name}() got an unexpected keyword argument '${key}'`);
      if (this.#values.has(key)) throw typeError(`${name}() got multiple values for argument '${key}'`);
      this.#values.set(key, value);
    }
  }

  /** The argument, or undefined. */
  get(parameter: string): Value | undefined {
    return this.#values.get(parameter);
  }

  /** @throws TemplateError if the argument is missing */
  value(parameter: string): Value {
    const value = this.#values.get(parameter);
    if (value === undefined) throw typeError(`${this.#name}() missing required argument: '${parameter}'`);
    return value;
  }

  /** @throws TemplateError if the argument is missing without a default, or not a string */
  text(parameter: string, otherwise?: string): string {
    const value = this.#values.get(parameter) ?? otherwise ?? this.value(parameter);
    if (typeof value === 'string') return value;
    if (value instanceof Undefined) return value.refuse();
    throw typeError(`${this.#name}() argument '${parameter}' must be str, not ${typeName(value)}`);
  }

  /**
   * A string, or none; Python's `None` is none.
   *
   * @throws TemplateError if it is something else
   */
  optionalText(parameter: string): string | undefined {
    const value = this.#values.get(parameter);
    return value === undefined || value === null ? undefined : this.text(parameter);
  }

  /** @throws TemplateError if the argument is missing without a default, or not an int */
  integer(parameter: string, otherwise?: number): number {
    const value = this.#values.get(parameter);
    if (value === undefined && otherwise !== undefined) return otherwise;
    const integer = integerOf(this.value(parameter));
    if (integer !== undefined) return Number(integer);
    if (value instanceof Undefined) return value.refuse();
    throw typeError(`'${typeName(this.value(parameter))}' object cannot be interpreted as an integer`);
  }
}

/** Returns the error of an argument's value. */
export function valueError(message: string): TemplateError {
  return new TemplateError(`ValueError: ${message}`);
}
