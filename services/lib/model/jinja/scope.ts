/** The variables visible at a point in a template. */
import type { Value } from './values.js';

/** The variables of a block, and those around it. */
export class Scope {
  readonly #values = new Map<string, Value>();
  readonly #outer: Scope | undefined;

  constructor(outer?: Scope) {
    this.#outer = outer;
  }

  get(name: string): Value | undefined {
    const value = this.#values.get(name);
    return value === undefined ? this.#outer?.get(name) : value; // null is None
  }

  /** Sets a variable of this block, which shadows outer ones of the same name. */
  set(name: string, value: Value): void {
    this.#values.set(name, value);
  }
}
