/** Preferences and shares in words, as `helpful 0.7, harmless 0.3`. */
import type { Run } from '@gapo/rpc';
import { significant } from './numbers.js';

/** Numbers by name. */
type Numbers = Readonly<Record<string, number>>;

/** Whether there are any. */
export function hasNumbers(numbers: Numbers): boolean {
  return Object.keys(numbers).length > 0;
}

/**
 * As `helpful 0.7, harmless 0.3`.
 *
 * @param order the names in the order to show them; without it the numbers' own
 */
export function numbersText(numbers: Numbers, order: readonly string[] = Object.keys(numbers)): string {
  return order.map((name) => `${name} ${significant(numbers[name])}`).join(', ');
}

/** A method with the preference in force, as `pgapo (helpful 0.7, harmless 0.3)`. */
export function methodText(method: string, preference: Numbers, order?: readonly string[]): string {
  return hasNumbers(preference) ? `${method} (${numbersText(preference, order)})` : method;
}

/** How a run came to its policy: its method and preference, or what it is an average of. */
export function originText(run: Run): string {
  if (hasNumbers(run.ingredients)) return `average of ${numbersText(run.ingredients)}`;
  return methodText(run.method, run.preference, run.objectives);
}
