/** What a run aims at, step by step: its objectives and the preference among them, as configured and as people changed them. */
import { objectiveConfig, objectiveNames, steered, steeringNumbers, type RunConfig } from '@gapo/config';
import { required } from '@gapo/numeric';
import { combinerOf, methods, numberAt } from '@gapo/objectives';
import { RpcError } from '@gapo/rpc';
import { z } from '@gapo/service';

const goalsSchema = z.object({
  /** In order. */
  objectives: z.array(objectiveConfig),
  /** The preference or weights by objective; absent where the method takes none. */
  preference: z.record(z.string(), z.number()).optional(),
});

/** What a step aims at. */
export type Goals = z.output<typeof goalsSchema>;

/** A change as it is kept on disk. */
export const goalChangeSchema = z.object({
  /** The first step that it holds for. */
  step: z.int().min(1),
  /** Who made it. */
  author: z.string(),
  /** When, RFC 3339. */
  at: z.string(),
  /** What was in force before. */
  before: goalsSchema,
  /** All that is in force from the step on. */
  after: goalsSchema,
});

/** A change of what a run aims at, as somebody made it. */
export type GoalChange = z.output<typeof goalChangeSchema>;

/**
 * The configuration that a step uses: that of the run, with the objectives and the preference of the latest change that
 * holds for the step. They take the place of a configured course, if there is one.
 *
 * A change that was made for an earlier step after one for a later step replaces that too: the run had gone back to a
 * checkpoint meanwhile, and the newest wish counts.
 *
 * @param changes in the order in which they were made
 */
export function configAt(config: RunConfig, changes: readonly GoalChange[], step: number): RunConfig {
  const change = changes.findLast((each) => each.step <= step);
  return change === undefined ? config : withGoals(config, change.after);
}

/** A configuration with other aims. */
export function withGoals(config: RunConfig, { objectives, preference }: Goals): RunConfig {
  const changed = { ...config, objectives };
  return preference ? steered(changed, preference) : changed;
}

/** What a configuration aims at in a step. */
export function goalsOf(config: RunConfig, step: number): Goals {
  const preference = configuredPreference(config, step);
  return { objectives: config.objectives, ...(preference && { preference }) };
}

/** Methods whose preference or weights can be set. */
const steeredMethods = methods.filter((method) => combinerOf(method).steeredBy !== undefined);

/** The preference or weights of a step as the configuration has them; undefined where its method takes none. */
export function configuredPreference(config: RunConfig, step: number): Record<string, number> | undefined {
  if (combinerOf(config.combine.method).steeredBy === undefined) return undefined;
  const numbers = steeringNumbers(config);
  const names = objectiveNames(config);
  const share = (name: string): number =>
    numbers === undefined ? 1 / names.length : numberAt(required(numbers[name], `the number for ${name}`), step);
  return Object.fromEntries(names.map((name) => [name, share(name)]));
}

/**
 * Checks a preference that somebody asks for.
 *
 * @param names the objectives
 * @throws RpcError INVALID_ARGUMENT with everything that is wrong
 */
export function checkPreference(names: readonly string[], preference: Readonly<Record<string, number>>): void {
  const problems = [
    ...names.filter((name) => !Object.hasOwn(preference, name)).map((name) => `${name} is missing`),
    ...Object.keys(preference)
      .filter((name) => !names.includes(name))
      .map((name) => `${name} is no objective of this run`),
    ...Object.entries(preference)
      .filter(([, value]) => !(Number.isFinite(value) && value >= 0))
      .map(([name, value]) => `${name} is ${value}, expected a finite number of at least 0`),
  ];
  if (problems.length === 0 && names.every((name) => preference[name] === 0)) problems.push('every number is 0');
  if (problems.length === 0) return;
  throw new RpcError(
    'INVALID_ARGUMENT',
    `preference: ${problems.join('; ')}; give a number for each of ${names.join(', ')}, one of them over 0`,
  );
}

/** A preference was given to a run whose method takes none. */
export function takesNoPreference(runId: string, { combine: { method } }: RunConfig): RpcError {
  const steerable = steeredMethods.join(', ');
  return new RpcError(
    'FAILED_PRECONDITION',
    `run ${runId} combines by ${method}, which takes no preference; methods that do: ${steerable}`,
  );
}
