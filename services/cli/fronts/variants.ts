/**
 * Variants of a run configuration: with a different preference vector, or for a single objective.
 */
import { conditionOf, objectiveNames } from '@gapo/config';
import { UserError } from '@gapo/service';
import { configFile, type ConfigFile } from '../configFile.js';

/** Creates configurations that differ only in `name` and `combine`. */
export interface Variants {
  /** The objectives' names, in order. */
  readonly objectives: readonly string[];
  /** The method that takes the preferences: linear if the configuration uses it, otherwise pgapo. */
  readonly method: 'pgapo' | 'linear';
  /** Returns the variant for a preference vector, in the order of the objectives. */
  preferring(vector: readonly number[]): ConfigFile;
  /** Returns the variant for one objective; the others are only measured. */
  single(objective: string): ConfigFile;
}

/** Converts a vector to numbers by objective. */
export function byObjective(objectives: readonly string[], vector: readonly number[]): Record<string, number> {
  return Object.fromEntries(objectives.map((name, k) => [name, vector[k] ?? NaN]));
}

/**
 * Returns the variants of a configuration.
 *
 * @throws UserError if it has fewer than two objectives, or a single policy for all preferences
 */
export function variantsOf({ path, config, written }: ConfigFile): Variants {
  const objectives = objectiveNames(config);
  if (objectives.length < 2) {
    throw new UserError(`${path}: objectives: found 1, expected at least two objectives`);
  }
  if (conditionOf(config) !== undefined) {
    throw new UserError(
      `${path}: policy.condition: one run covers the front: train it with \`gapo run ${path}\`, then give \`gapo front\` its id`,
    );
  }
  const method = config.combine.method === 'linear' ? 'linear' : 'pgapo';
  const variant = (suffix: string, combine: object): ConfigFile => {
    const { lagrangian: _, ...rest } = written;
    return configFile(path, `${JSON.stringify({ ...rest, name: `${config.name}-${suffix}`, combine }, null, 2)}\n`);
  };
  return {
    objectives,
    method,
    preferring: (vector) => {
      const suffix = vector.map((share) => String(Math.round(100 * share))).join('-');
      const options = config.combine.method === method ? (written['combine'] as object) : { method };
      const preference = byObjective(objectives, vector);
      return variant(suffix, { ...options, ...(method === 'linear' ? { weights: preference } : { preference }) });
    },
    single: (objective) => variant(`only-${objective}`, { method: 'single', objective }),
  };
}
