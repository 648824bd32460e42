/** The parts of a calling template that filters and tests use. */
import { itemOf } from './operations.js';
import { str } from './pythonText.js';
import { Undefined, type Arguments, type Value } from './values.js';

/** The template that calls a filter or a test. */
export interface Caller {
  /**
   * Counts a step of work.
   *
   * @throws TemplateError if there were too many
   */
  step(): void;
  /**
   * Counts work in proportion to the characters of a text.
   *
   * @throws TemplateError if it was too much
   */
  charge(characters: number): void;
  /** Returns all items of a value, and counts them. */
  collect(value: Value): Value[];
  filter(name: string, value: Value, given: Arguments): Value;
  test(name: string, value: Value, given: Arguments): boolean;
}

/** Returns the function that reads an attribute `a.b.0` of a value, or a default for an undefined one. */
export function attributeGetter(attribute: Value, otherwise?: Value): (value: Value) => Value {
  const parts = partsOf(attribute);
  return (start) => {
    let value = start;
    for (const part of parts) {
      value = itemOf(value, part);
      if (value instanceof Undefined && otherwise !== undefined && otherwise !== null) value = otherwise;
    }
    return value;
  };
}

/** Returns the function that reads several attributes, separated by commas. */
export function multipleGetter(attribute: Value): (value: Value) => Value[] {
  const all = typeof attribute === 'string' ? attribute.split(',') : [attribute];
  const getters = all.map((one) => attributeGetter(one));
  return (value) => getters.map((get) => get(value));
}

function partsOf(attribute: Value): readonly Value[] {
  if (typeof attribute !== 'string') return [attribute];
  return str(attribute)
    .split('.')
    .map((part) => (/^\d+$/u.test(part) ? BigInt(part) : part));
}
