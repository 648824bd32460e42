/** The part of a run's configuration that says how the objectives' gradients are combined, and its checks. */
import { weightsAt } from '@gapo/objectives';
import { nonNegativeNumber, positiveInt, positiveNumber, word, z } from '@gapo/service';
import type { Refuse } from './section.js';

/** A number that stays, or its course: numbers at steps, straight lines in between, level before and after. */
const scheduled = z
  .union([
    nonNegativeNumber,
    z
      .record(z.string(), nonNegativeNumber)
      .refine((points) => Object.keys(points).length > 0 && Object.keys(points).every((step) => /^\d+$/.test(step)), {
        abort: true,
      })
      .meta({ expected: 'numbers of at least 0 by step, as { 0: 0.2, 100: 0.8 }' }),
  ])
  .meta({ expected: 'a number of at least 0, or a mapping of steps to such numbers' });

/** A preference or weights: one entry for each objective. */
const byObjective = z.record(z.string(), scheduled).meta({ expected: 'a mapping of objectives to numbers' });

const decay = z.number().min(0).lt(1).meta({ expected: 'a number of at least 0 and under 1' });

/** What every method has besides its own options. */
const source = {
  /**
   * What the weights are chosen from: the exact gradients, or something cheaper. With another source than exact, the
   * update is one exact gradient of the weighted sum. @default exact
   */
  source: z
    .union([z.enum(['exact', 'lastLayer', 'logits']), z.strictObject({ projection: positiveInt })])
    .meta({ expected: 'exact, lastLayer, logits, or a mapping { projection: dimensions }' })
    .default('exact'),
  /** Weights are chosen in every so manieth step and kept in between. @default 1 */
  refreshEvery: positiveInt.default(1),
  /** With an approximate source: every so manieth choice is compared with the exact one. @default 10 */
  checkEvery: positiveInt.default(10),
};

/** The methods of @gapo/objectives with their options; vectors are by objective. */
export const combine = z.discriminatedUnion('method', [
  z.strictObject({ method: z.literal('mgda'), ...source }),
  /** p: the power of the norms that gradients are divided by. @default 1 */
  z.strictObject({ method: z.literal('gapo'), p: nonNegativeNumber.default(1), ...source }),
  /** nonConflicting: the nearest direction that hurts no objective. @default false */
  z.strictObject({
    method: z.literal('pgapo'),
    preference: byObjective,
    nonConflicting: z.boolean().default(false),
    ...source,
  }),
  z.strictObject({ method: z.literal('linear'), weights: byObjective, ...source }),
  z.strictObject({ method: z.literal('single'), objective: word, ...source }),
  /** Its options are in `lagrangian`, beside `combine`. */
  z.strictObject({ method: z.literal('lagrangian'), ...source }),
  z.strictObject({
    method: z.literal('tchebycheff'),
    /** @default the same for all */
    preference: byObjective.optional(),
    /** The mean reward of each objective to aim at, a little beyond reach. */
    reference: z.record(z.string(), z.number()).meta({ expected: 'a mapping of objectives to numbers' }),
    /** Temperature of the maximum, in units of preference × reward; 0 takes the maximum itself. @default 0 */
    smoothing: nonNegativeNumber.default(0),
    /** Share of the running mean of rewards that a step keeps of those before; 0 takes each batch alone. @default 0.9 */
    decay: decay.default(0.9),
    ...source,
  }),
  /** order: the mean over all orders of projection (at most 8 objectives), or one drawn for each step. @default all */
  z.strictObject({ method: z.literal('pcgrad'), order: z.enum(['all', 'drawn']).default('all'), ...source }),
  /** radius: of the ball around the mean gradient, in its lengths. @default 0.5 */
  z.strictObject({ method: z.literal('cagrad'), radius: nonNegativeNumber.default(0.5), ...source }),
  z.strictObject({ method: z.literal('imtl-g'), ...source }),
  z.strictObject({ method: z.literal('nash-mtl'), ...source }),
  /** preference of these three: @default the same for all */
  z.strictObject({ method: z.literal('aligned-mtl'), preference: byObjective.optional(), ...source }),
  z.strictObject({ method: z.literal('upgrad'), preference: byObjective.optional(), ...source }),
  z.strictObject({ method: z.literal('dualproj'), preference: byObjective.optional(), ...source }),
  z.strictObject({ method: z.literal('pama'), ...source }),
]);

const constraint = z.strictObject({
  /** The largest mean cost of a completion that is acceptable; the cost is minus the objective's reward. */
  limit: z.number(),
  /** Step size of the multiplier's logarithm. @default 0.05 */
  learningRate: positiveNumber.default(0.05),
  /** The multiplier before the first step. @default 1 */
  initial: positiveNumber.default(1),
  /** The multiplier never exceeds this. @default no bound */
  maximum: positiveNumber.optional(),
});

/** PPO-Lagrangian: one objective is maximised, the others are held within limits. */
export const lagrangian = z.strictObject({
  /** The objective that is maximised. */
  objective: word,
  /** Constraints by objective: every other one. */
  constraints: z.record(z.string(), constraint).meta({ expected: 'a mapping of objectives to constraints' }),
  /** Share of the running mean of costs that a step keeps of those before; 0 takes each batch alone. @default 0 */
  decay: decay.default(0),
});

/** Weights or a preference as configured: a number or its course for each objective. */
export type Scheduled = z.output<typeof byObjective>;

/** A method with its options. */
export type CombineConfig = z.output<typeof combine>;

/** The constraints of PPO-Lagrangian. */
export type LagrangianConfig = z.output<typeof lagrangian>;

/** Checks what a combination needs to know of the run: that vectors have exactly one entry for each objective. */
export function checkCombination(
  chosen: CombineConfig,
  constraints: LagrangianConfig | undefined,
  names: readonly string[],
  refuse: Refuse,
): void {
  if (chosen.method === 'single' && !names.includes(chosen.objective)) {
    refuse(['combine', 'objective'], `one of ${names.join(', ')}`);
  }
  for (const key of ['preference', 'weights', 'reference'] as const) {
    const numbers = (chosen as Partial<Record<typeof key, Readonly<Record<string, unknown>>>>)[key];
    if (numbers !== undefined) checkNames(['combine', key], numbers, names, refuse);
  }
  const weights = weightsOf(chosen);
  if (weights !== undefined && isSomewhereZero(weights)) {
    refuse(['combine', chosen.method === 'linear' ? 'weights' : 'preference'], 'at least one number over 0');
  }
  if (chosen.method === 'pcgrad' && chosen.order === 'all' && names.length > 8) {
    refuse(['combine', 'order'], 'drawn, since there are more than 8 objectives');
  }
  if (chosen.method === 'lagrangian' && constraints === undefined) {
    refuse(['lagrangian'], '{ objective, constraints }, since combine.method is lagrangian');
  }
  if (constraints === undefined) return;
  if (chosen.method !== 'lagrangian') refuse(['lagrangian'], `nothing, since combine.method is ${chosen.method}`);
  if (!names.includes(constraints.objective)) refuse(['lagrangian', 'objective'], `one of ${names.join(', ')}`);
  const others = names.filter((name) => name !== constraints.objective);
  checkNames(['lagrangian', 'constraints'], constraints.constraints, others, refuse);
}

function checkNames(
  path: PropertyKey[],
  entries: Readonly<Record<string, unknown>>,
  names: readonly string[],
  refuse: Refuse,
): void {
  const what = path[0] === 'lagrangian' ? 'the objectives that are constraints' : 'the objectives';
  for (const name of names) {
    if (!Object.hasOwn(entries, name)) {
      refuse([...path, name], path[0] === 'lagrangian' ? 'a constraint' : 'a number for every objective');
    }
  }
  for (const name of Object.keys(entries)) {
    if (!names.includes(name)) refuse([...path, name], `${what} alone: ${names.join(', ')}`);
  }
}

/** The preference or weights of a method, undefined where it has none or leaves them out. */
export function weightsOf(chosen: CombineConfig): Scheduled | undefined {
  if (chosen.method === 'linear') return chosen.weights;
  return 'preference' in chosen ? chosen.preference : undefined;
}

/** A method that takes a preference or weights, with others. */
export function steered(chosen: CombineConfig, preference: Readonly<Record<string, number>>): CombineConfig {
  const numbers = { ...preference };
  return { ...chosen, ...(chosen.method === 'linear' ? { weights: numbers } : { preference: numbers }) };
}

/** Whether all numbers are 0 at some point of their courses. Between two points they are 0 only where they are at both. */
function isSomewhereZero(weights: Scheduled): boolean {
  const courses = Object.values(weights);
  const steps = new Set([
    0,
    ...courses.flatMap((course) => (typeof course === 'number' ? [] : Object.keys(course).map(Number))),
  ]);
  return [...steps].some((step) => courses.every((course) => numberAt(course, step) === 0));
}

/** A number of a schedule at a step. */
export function numberAt(course: Scheduled[string], step: number): number {
  if (typeof course === 'number') return course;
  const points = Object.entries(course)
    .map(([at, value]) => ({ step: Number(at), weights: [value] }))
    .sort((a, b) => a.step - b.step);
  return weightsAt({ kind: 'piecewise', points, between: 'line' }, 1, step)[0]!;
}
