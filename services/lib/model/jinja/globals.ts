/** The functions available in every chat template. */
import { Given } from './arguments.js';
import { Cycler } from './loop.js';
import { str } from './pythonText.js';
import { strftime } from './strftime.js';
import { TemplateError, typeError } from './templateError.js';
import {
  Callable,
  Dict,
  Namespace,
  Range,
  type Arguments,
  type Value,
  collected,
  integerOf,
  iterate,
  sequenceItems,
} from './values.js';

/**
 * Returns the global functions.
 *
 * @param now the time used by `strftime_now`
 */
export function globalFunctions(now: Date): ReadonlyMap<string, Value> {
  const functions = [
    new Callable('range', range),
    new Callable('dict', (given) => new Dict(entriesOf(given))),
    new Callable('namespace', (given) => new Namespace(entriesOf(given).map(([key, value]) => [str(key), value]))),
    new Callable('cycler', ({ positional }) => new Cycler(positional)),
    new Callable('joiner', (given) => {
      const separator = new Given('joiner', given, 'sep').get('sep') ?? ', ';
      let used = false;
      return new Callable('joiner', () => {
        const text = used ? separator : '';
        used = true;
        return text;
      });
    }),
    new Callable('raise_exception', (given) => {
      throw new TemplateError(str(new Given('raise_exception', given, 'message').value('message')));
    }),
    new Callable('strftime_now', (given) => strftime(new Given('strftime_now', given, 'format').text('format'), now)),
  ];
  return new Map(functions.map((one) => [one.name, one]));
}

function range({ positional }: Arguments): Value {
  const bounds = positional.map((value) => {
    const integer = integerOf(value);
    if (integer === undefined) throw typeError('range() needs integers');
    return integer;
  });
  const [first, second, step = 1n] = bounds;
  if (first === undefined || bounds.length > 3)
    throw typeError(`range expected 1 to 3 arguments, got ${bounds.length}`);
  if (step === 0n) throw new TemplateError('ValueError: range() arg 3 must not be zero');
  return second === undefined ? new Range(0n, first, 1n) : new Range(first, second, step);
}

function entriesOf({ positional, named }: Arguments): (readonly [Value, Value])[] {
  const [given] = positional;
  const entries =
    given === undefined
      ? []
      : given instanceof Dict
        ? given.entries()
        : collected(iterate(given), () => undefined).map((pair): readonly [Value, Value] => {
            const [key, value] = sequenceItems(pair) ?? [];
            if (key === undefined || value === undefined) throw typeError('cannot convert dictionary update sequence');
            return [key, value];
          });
  return [...entries, ...named];
}
