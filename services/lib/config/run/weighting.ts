/** `weighting`: how the preference or weights adapt while a run trains. Derived from the weightings of @gapo/objectives. */
import { combinerOf, weightingOf, weightings, type Weighting, type Weightings } from '@gapo/objectives';
import { z } from '@gapo/service';
import type { Algorithm } from './data.js';
import type { Refuse } from './section.js';

type SchemaOf<M extends string, W> = W extends { readonly settings: infer S extends z.ZodRawShape }
  ? z.ZodObject<{ method: z.ZodLiteral<M> } & S, z.core.$strict>
  : never;

type Schemas = { [M in keyof Weightings]: SchemaOf<M, Weightings[M]> }[keyof Weightings];

function weightingSchema(): z.ZodDiscriminatedUnion<[Schemas, ...Schemas[]], 'method'> {
  const alternatives = Object.entries<Weighting>(weightings).map(([method, { settings, summary, source }]) =>
    z.strictObject({ method: z.literal(method), ...settings }).describe(`${summary} (${source})`),
  );
  // The compiler cannot see through Object.entries that there is an alternative per key, with the settings of that key.
  return z.discriminatedUnion('method', alternatives as unknown as [Schemas, ...Schemas[]]);
}

const schema = weightingSchema()
  .optional()
  .meta({ absent: 'none: the numbers are as configured' })
  .describe("How the method's preference or weights adapt. Only with a method that takes one of them.");

/** A weighting with its settings. */
export type WeightingConfig = NonNullable<z.output<typeof schema>>;

interface Reads {
  readonly algorithm: Algorithm;
  readonly combine: { readonly method: string; readonly source?: unknown };
  readonly objectives: readonly { readonly name: string }[];
  readonly weighting?: WeightingConfig | undefined;
}

/** Checks the weighting against the method, the algorithm and the objectives. */
export function checkWeighting({ algorithm, combine, objectives, weighting: given }: Reads, refuse: Refuse): void {
  if (given === undefined) return;
  const found = weightingOf(given.method);
  const { steeredBy, over } = combinerOf(combine.method);
  if (steeredBy === undefined) {
    refuse(
      ['weighting'],
      `nothing, since combine.method is ${combine.method}, which takes neither a preference nor weights`,
    );
  }
  if (found.fromRewards && algorithm === 'dpo')
    refuse(['weighting'], 'nothing, since algorithm is dpo, which has no rewards');
  if (found.fromGradients && over !== undefined) {
    refuse(
      ['weighting', 'method'],
      `another one, since ${combine.method} needs its weights before there are gradients`,
    );
  }
  if (found.fromGradients && combine.source !== 'exact') {
    refuse(['combine', 'source'], `exact, since weighting.method is ${given.method}`);
  }
  const names = objectives.map(({ name }) => name);
  found.check?.(given, names, (path, expected) => refuse(['weighting', ...path], expected));
}

/** The weighting. */
export const weighting = { schema, check: checkWeighting };
