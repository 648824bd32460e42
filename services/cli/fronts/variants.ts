/** One run configuration with other ways of combining: a preference vector, or a single objective. */
import { basename } from 'node:path';
import { configSha256, parseYaml, word, z } from '@gapo/service';
import type { ConfigFile } from '../launches.js';

const schema = z.looseObject({
  name: word,
  combine: z.looseObject({ method: z.string() }).optional(),
  objectives: z
    .array(z.looseObject({ name: word }))
    .min(2)
    .meta({ expected: 'at least two objectives, since there is no front of one' }),
});

/** Makes configurations that differ in `combine` and the name alone. */
export interface Variants {
  /** The objectives' names, in order. */
  readonly objectives: readonly string[];
  /** How preferences are used: as pgapo, or linear where the configuration says so. */
  readonly method: 'pgapo' | 'linear';
  /** For a preference vector, in the order of the objectives. */
  preferring(vector: readonly number[]): ConfigFile;
  /** For one objective alone; the others are only measured. */
  single(objective: string): ConfigFile;
}

/** Numbers by objective. */
export function byObjective(objectives: readonly string[], vector: readonly number[]): Record<string, number> {
  return Object.fromEntries(objectives.map((name, k) => [name, vector[k] ?? NaN]));
}

/**
 * Looks at a configuration as far as variants need it.
 *
 * @throws ConfigError where it has fewer than two objectives
 */
export function variantsOf(config: ConfigFile): Variants {
  const value = parseYaml(schema, config.text, { source: basename(config.path) });
  const objectives = value.objectives.map(({ name }) => name);
  const given = value.combine ?? { method: 'gapo' };
  const method = given.method === 'linear' ? 'linear' : 'pgapo';
  const variant = (suffix: string, combine: Record<string, unknown>): ConfigFile => {
    const name = `${value.name}-${suffix}`;
    // The coordinator checks it whole, as any other.
    const { lagrangian: _, ...rest } = value;
    const changed = { ...rest, name, combine };
    return { ...config, name, text: `${JSON.stringify(changed, null, 2)}\n`, sha256: configSha256(changed) };
  };
  return {
    objectives,
    method,
    preferring: (vector) => {
      const suffix = vector.map((share) => String(Math.round(100 * share))).join('-');
      const kept = given.method === method ? given : { method };
      return variant(suffix, {
        ...kept,
        [method === 'linear' ? 'weights' : 'preference']: byObjective(objectives, vector),
      });
    },
    single: (objective) => variant(`only-${objective}`, { method: 'single', objective }),
  };
}
