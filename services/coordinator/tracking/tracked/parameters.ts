/** A run's configuration as flat parameters for trackers. */
import type { RunConfig } from '@gapo/config';
import { isMapping } from '@gapo/service';

/**
 * Returns every configuration value by its path. Objects in a list are identified by name if they have one, otherwise by
 * index.
 *
 * @example
 * ```ts
 * parametersOf(config); // Map { 'optimizer.learningRate' => '0.001', 'objectives.helpful.onFailure' => 'pause', ... }
 * ```
 */
export function parametersOf(config: RunConfig): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const add = (path: string, value: unknown): void => {
    if (value === undefined) return;
    if (isMapping(value)) {
      for (const [key, inner] of Object.entries(value)) add(path === '' ? key : `${path}.${key}`, inner);
    } else if (Array.isArray(value) && value.some(isMapping)) {
      for (const [i, inner] of value.entries()) {
        const name: unknown = isMapping(inner) ? inner['name'] : undefined;
        add(`${path}.${typeof name === 'string' ? name : i}`, inner);
      }
    } else found.set(path, typeof value === 'string' ? value : JSON.stringify(value));
  };
  add('', config);
  return found;
}
