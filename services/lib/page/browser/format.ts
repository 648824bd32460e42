/** Numbers and elements as the page writes them. A number that is not known is a dash. */
import type { Num } from '#page/data.js';

/** What stands for a number that is not known. */
const unknown = '–';

/** With so many digits after the point. */
export function fixed(value: Num | undefined, digits: number): string {
  return value === null || value === undefined ? unknown : value.toFixed(digits);
}

/** With three significant digits. */
export function significant(value: Num | undefined): string {
  if (value === null || value === undefined) return unknown;
  if (value === 0) return '0';
  const size = Math.abs(value);
  return size < 1e-4 || size >= 1e6 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}

/** A share as a percentage. */
export function percent(share: Num | undefined): string {
  return share === null || share === undefined ? unknown : `${(100 * share).toFixed(0)} %`;
}

/** A duration in seconds. */
export function duration(seconds: Num | undefined): string {
  if (seconds === null || seconds === undefined || seconds < 0) return unknown;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** What an element holds: texts are never read as HTML. */
export type Content = Node | string;

/** An element with attributes and content. */
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
