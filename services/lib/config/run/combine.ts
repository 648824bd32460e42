/**
 * The part of a run configuration that determines how the objectives' gradients are combined. The combiners of
 * @gapo/objectives declare their settings; the schemas, checks and accessors here derive from their registry.
 */
import {
  checkSettings,
  combinerOf,
  combiners,
  numbersThatSteer,
  type Combiner,
  type Combiners,
  type Method,
  type Registry,
  type ScheduledNumbers,
} from '@gapo/objectives';
import { positiveInt, z } from '@gapo/service';
import type { Refuse } from './section.js';

/** The settings of every method. */
const commonSettings = {
  source: z
    .union([
      z.enum(['exact', 'lastLayer', 'logits']),
      z.strictObject({ projection: positiveInt.describe('Dimensions of the random projection.') }),
    ])
    .meta({ expected: 'exact, lastLayer, logits, or a mapping { projection: dimensions }' })
    .default('exact')
    .describe(
      'The gradients from which the weights are chosen: `exact` ones, or cheaper ones: of the `lastLayer`, of the `logits` ' +
        '(MGDA-UB), or a random `{ projection: dimensions }`. Unless the source is `exact`, the update is one exact ' +
        'gradient of the weighted sum.',
    ),
  refreshEvery: positiveInt.default(1).describe('The weights are recomputed every N steps.'),
  checkEvery: positiveInt
    .default(10)
    .describe(
      'Unless the source is `exact`, every Nth choice is compared with the exact one, and the angle is reported.',
    ),
};

/** A combiner whose settings are in a section named after the method, beside `combine`. */
interface InSection {
  readonly placement?: 'section';
}

type MethodSchemas<R extends Registry> = {
  [M in Method<R>]: z.ZodObject<
    { method: z.ZodLiteral<M> } & (R[M] extends InSection ? Record<never, z.ZodType> : R[M]['settings']) &
      typeof commonSettings,
    z.core.$strict
  >;
}[Method<R>];

type CombinerSections<R extends Registry> = {
  [M in Method<R> as R[M] extends InSection ? M : never]: {
    readonly schema: z.ZodOptional<z.ZodObject<R[M]['settings'], z.core.$strict>>;
  };
};

type CombineSchema<R extends Registry> = z.ZodDiscriminatedUnion<[MethodSchemas<R>, ...MethodSchemas<R>[]], 'method'>;

/** Builds the schema of `combine`: one alternative per combiner of a registry. */
export function combineSchema<R extends Registry>(registry: R): CombineSchema<R> {
  const alternatives = Object.entries(registry).map(([method, { placement, settings, summary, source }]) => {
    const own = placement === 'section' ? {} : settings;
    return z.strictObject({ method: z.literal(method), ...own, ...commonSettings }).describe(`${summary} (${source})`);
  });
  // The compiler cannot see through Object.entries that there is an alternative per key, with the settings of that key.
  return z.discriminatedUnion('method', alternatives as unknown as [MethodSchemas<R>, ...MethodSchemas<R>[]]);
}

/** Builds the sections beside `combine`, by method, for those combiners of a registry that have one. */
export function combinerSections<R extends Registry>(registry: R): CombinerSections<R> {
  const sections = Object.entries(registry).filter(([, { placement }]) => placement === 'section');
  return Object.fromEntries(
    sections.map(([method, { summary, settings }]) => {
      const description = `Settings of \`${method}\`: ${summary}. Only with \`combine.method: ${method}\`.`;
      return [method, { schema: z.strictObject(settings).optional().describe(description) }];
    }),
  ) as unknown as CombinerSections<R>;
}

/** The section `combine`. */
interface CombineSection {
  readonly schema: z.ZodPrefault<CombineSchema<Combiners>>;
  check(
    config: CombinationConfig & { readonly objectives: readonly { readonly name: string }[] },
    refuse: Refuse,
  ): void;
}

/** How the objectives' gradients become one update. */
export const combine: CombineSection = {
  schema: combineSchema(combiners)
    .prefault({ method: 'gapo' })
    .describe("How the objectives' gradients become one update."),
  check(config, refuse) {
    const names = config.objectives.map(({ name }) => name);
    checkCombination(config, names, refuse);
  },
};

/** The sections of this package's combiners. */
export const combineSections: CombinerSections<Combiners> = combinerSections(combiners);

/** A method with its settings. */
export type CombineConfig = z.output<CombineSchema<Combiners>>;

/** The parts of a run configuration that belong to the combination: `combine`, and the method's section if it has one. */
export type CombinationConfig = { readonly combine: { readonly method: string } } & Readonly<Record<string, unknown>>;

/** Settings by key, checked by a combiner's schema. */
export type CombinerSettings = Readonly<Record<string, unknown>>;

/**
 * Returns the settings of the chosen combiner, from `combine` or from its section.
 *
 * @throws RangeError if the section is missing, which `checkCombination` rules out
 */
export function combinerSettings(config: CombinationConfig, registry: Registry = combiners): CombinerSettings {
  const { method } = config.combine;
  if (combinerOf(method, registry).placement !== 'section') return config.combine;
  const section = config[method];
  if (isMapping(section)) return section;
  throw new RangeError(`${method}: the configuration has no section of that name; it was not checked`);
}

/** Returns the preference or weights of a configuration; undefined if it has none. */
export function steeringNumbers(
  config: CombinationConfig,
  registry: Registry = combiners,
): ScheduledNumbers | undefined {
  return numbersThatSteer(combinerOf(config.combine.method, registry), combinerSettings(config, registry));
}

/**
 * Returns a configuration with another preference or other weights.
 *
 * @throws RangeError if its method takes neither
 */
export function steered<C extends CombinationConfig>(
  config: C,
  numbers: Readonly<Record<string, number>>,
  registry: Registry = combiners,
): C {
  const { method } = config.combine;
  const { steeredBy } = combinerOf(method, registry);
  if (steeredBy === undefined) throw new RangeError(`${method} takes neither a preference nor weights`);
  return { ...config, combine: { ...config.combine, [steeredBy]: { ...numbers } } };
}

/** Checks the settings of the combination against the objectives' names, and the sections against the method. */
export function checkCombination(
  config: CombinationConfig,
  names: readonly string[],
  refuse: Refuse,
  registry: Registry = combiners,
): void {
  const { method } = config.combine;
  const check = (place: string, combiner: Combiner, settings: CombinerSettings): void =>
    checkSettings(combiner, settings, names, (path, expected) => refuse([place, ...path], expected));
  const chosen = combinerOf(method, registry);
  const { only } = chosen;
  if (only && config['algorithm'] !== undefined && config['algorithm'] !== only.algorithm) {
    refuse(['combine', 'method'], `another method, since ${method} needs algorithm: ${only.algorithm}, ${only.reason}`);
  }
  if (chosen.over !== undefined) checkScalar(config, chosen.over, refuse);
  if (chosen.placement !== 'section') check('combine', chosen, config.combine);
  for (const [name, combiner] of Object.entries(registry)) {
    if (combiner.placement !== 'section') continue;
    const section = config[name];
    if (isMapping(section)) {
      if (combiner !== chosen) refuse([name], `nothing, since combine.method is ${method}`);
      check(name, combiner, section);
    } else if (combiner === chosen) {
      refuse([name], `{ ${requiredKeys(combiner.settings)} }, since combine.method is ${method}`);
    }
  }
}

/** Checks the settings of a method whose update is the gradient of one advantage. */
function checkScalar(config: CombinationConfig, over: 'rewards' | 'advantages', refuse: Refuse): void {
  const { method, source, refreshEvery } = config.combine as {
    method: string;
    source?: unknown;
    refreshEvery?: number;
  };
  const ppo = config['ppo'] as { advantages?: string } | undefined;
  const why = `since ${method} trains on one advantage, whose gradient is exact`;
  if (source !== undefined && source !== 'exact') refuse(['combine', 'source'], `exact, ${why}`);
  if ((refreshEvery ?? 1) !== 1) refuse(['combine', 'refreshEvery'], `1, ${why}`);
  if (over === 'advantages' && ppo?.advantages !== 'group') {
    refuse(
      ['ppo', 'advantages'],
      `group, since combine.method is ${method}, which normalises rewards within their prompt`,
    );
  }
}

function isMapping(value: unknown): value is CombinerSettings {
  return typeof value === 'object' && value !== null;
}

/** Lists the keys without a default, for messages. */
function requiredKeys(settings: z.ZodRawShape): string {
  const keys = Object.entries(settings).filter(([, schema]) => !z.safeParse(schema, undefined).success);
  return keys.map(([key]) => key).join(', ');
}
