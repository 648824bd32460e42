/** The variables that a place of a template sees. */
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

  /** Sets a variable of this block, which hides one of the same name around it. */
  set(name: string, value: Value): void {
    this.#values.set(name, value);
  }
}
