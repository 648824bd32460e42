/** Numbers and elements as the page writes them. A number that is not known is a dash. */

/** A number of a message's JSON: null where it is not finite, undefined where it is not set. */
export type Value = number | null | undefined;

/** Stands for a number that is not known. */
export const unknown = '–';

/** Formats a number with a fixed count of digits after the point. */
export function fixed(value: Value, digits: number): string {
  return value === null || value === undefined ? unknown : value.toFixed(digits);
}

/** Formats a number with three significant digits. */
export function significant(value: Value): string {
  if (value === null || value === undefined) return unknown;
  if (value === 0) return '0';
  const size = Math.abs(value);
  return size < 1e-4 || size >= 1e6 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}

/** Formats a number with its sign and two digits after the point. */
export function signed(value: Value): string {
  const text = fixed(value, 2);
  if (Number(text) === 0) return '0.00';
  return Number(text) > 0 ? `+${text}` : text;
}

/** Formats a share as a percentage. */
export function percent(share: Value): string {
  return share === null || share === undefined ? unknown : `${(100 * share).toFixed(0)} %`;
}

/**
 * Formats numbers by name, such as `helpful 0.7, harmless 0.3`; empty without any.
 *
 * @param order of the names; those without a number are left out
 */
export function numbersText(numbers: Readonly<Record<string, Value>>, order: readonly string[]): string {
  return order
    .filter((name) => Object.hasOwn(numbers, name))
    .map((name) => `${name} ${significant(numbers[name])}`)
    .join(', ');
}

/** Formats a duration that is given in seconds. */
export function duration(seconds: Value): string {
  if (seconds === null || seconds === undefined || seconds < 0) return unknown;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** What an element contains. Text is never parsed as HTML. */
export type Content = Node | string;

/** Creates an element with attributes and content. */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Readonly<Record<string, string>> = {},
  ...content: Content[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...content);
  return made;
}
