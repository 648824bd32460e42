/** Formats preferences and shares. */
import type { Run } from '@gapo/rpc';
import { significant } from './numbers.js';

/** Numbers by name. */
type Numbers = Readonly<Record<string, number>>;

/** Whether the record has any numbers. */
export function hasNumbers(numbers: Numbers): boolean {
  return Object.keys(numbers).length > 0;
}

/**
 * Formats numbers by name, such as `helpful 0.7, harmless 0.3`.
 *
 * @param order the names, in the order to show them. @default the order of the numbers
 */
export function numbersText(numbers: Numbers, order: readonly string[] = Object.keys(numbers)): string {
  return order.map((name) => `${name} ${significant(numbers[name])}`).join(', ');
}

/** Formats the preference given to a policy, such as `, preference helpful 0.7, harmless 0.3`; empty if there was none. */
export function statedText(preference: Numbers): string {
  return hasNumbers(preference) ? `, preference ${numbersText(preference)}` : '';
}

/** Formats a method with its preference, such as `pgapo (helpful 0.7, harmless 0.3)`. */
export function methodText(method: string, preference: Numbers, order?: readonly string[]): string {
  return hasNumbers(preference) ? `${method} (${numbersText(preference, order)})` : method;
}

/** Describes the origin of a run's policy: its method and preference, or the runs that it averages. */
export function originText(run: Run): string {
  if (hasNumbers(run.ingredients)) return `average of ${numbersText(run.ingredients)}`;
  return methodText(run.method, run.preference, run.objectives);
}
