/** The variable `loop`. */
import { TemplateError, typeError } from './templateError.js';
import { Callable, PythonObject, Undefined, type Arguments, type Value, equals, firstOf } from './values.js';

/** The state of a loop, as its body sees it. */
export class Loop extends Callable {
  readonly #items: readonly Value[];
  readonly #depth: number;
  #index = 0;
  #changed: readonly Value[] | undefined;

  /** @param recurse renders the loop's body over other items; undefined if it is not recursive */
  constructor(items: readonly Value[], depth: number, recurse: ((items: Value) => Value) | undefined) {
    super(
      'loop',
      ({ positional: [iterable] }) => {
        if (recurse === undefined) {
          throw typeError("The loop must have the 'recursive' marker to be called recursively.");
        }
        if (iterable === undefined) throw typeError("missing 1 required positional argument: 'iterable'");
        return recurse(iterable);
      },
      { type: 'LoopContext' },
    );
    this.#items = items;
    this.#depth = depth;
  }

  /** Moves to an item. */
  at(index: number): this {
    this.#index = index;
    return this;
  }

  override attribute(name: string): Value | undefined {
    const [index, length] = [this.#index, this.#items.length];
    switch (name) {
      case 'index':
        return BigInt(index + 1);
      case 'index0':
        return BigInt(index);
      case 'revindex':
        return BigInt(length - index);
      case 'revindex0':
        return BigInt(length - index - 1);
      case 'first':
        return index === 0;
      case 'last':
        return index === length - 1;
      case 'length':
        return BigInt(length);
      case 'depth':
        return BigInt(this.#depth + 1);
      case 'depth0':
        return BigInt(this.#depth);
      case 'previtem':
        return firstOf(this.#items[index - 1], () => new Undefined('there is no previous item'));
      case 'nextitem':
        return firstOf(this.#items[index + 1], () => new Undefined('there is no next item'));
      case 'cycle':
        return new Callable('cycle', (given) => cycled(given, index));
      case 'changed':
        return new Callable('changed', ({ positional }) => this.#hasChanged(positional));
      default:
        return undefined;
    }
  }

  override text(): string {
    return `<LoopContext ${this.#index + 1}/${this.#items.length}>`;
  }

  #hasChanged(values: readonly Value[]): boolean {
    const before = this.#changed;
    this.#changed = values;
    return before?.length !== values.length || values.some((value, i) => !equals(value, before[i] ?? null));
  }
}

function cycled({ positional }: Arguments, index: number): Value {
  const value = positional[index % positional.length];
  if (value === undefined) throw typeError('no items for cycling given');
  return value;
}

/** `cycler(...)`: values returned in rotation. */
export class Cycler extends PythonObject {
  readonly type = 'Cycler';
  readonly #items: readonly Value[];
  #place = 0;

  /** @throws TemplateError if there are no items */
  constructor(items: readonly Value[]) {
    super();
    if (items.length === 0) throw new TemplateError('RuntimeError: at least one item has to be provided');
    this.#items = items;
  }

  override attribute(name: string): Value | undefined {
    const current = this.#items[this.#place] ?? null;
    if (name === 'current') return current;
    if (name === 'next') {
      return new Callable('next', () => {
        const value = this.#items[this.#place] ?? null;
        this.#place = (this.#place + 1) % this.#items.length;
        return value;
      });
    }
    if (name !== 'reset') return undefined;
    return new Callable('reset', () => {
      this.#place = 0;
      return null;
    });
  }
}
