/** A run's goals: its objectives and the preference over them, as configured and as changed while it trains. */
import { objectiveConfig, objectiveNames, steered, steeringNumbers, type RunConfig } from '@gapo/config';
import { required } from '@gapo/numeric';
import { combinerOf, methods, numberAt } from '@gapo/objectives';
import { RpcError } from '@gapo/rpc';
import { z } from '@gapo/service';

const goalsSchema = z.object({
  objectives: z.array(objectiveConfig),
  /** Preference or weights by objective; absent if the method takes none. */
  preference: z.record(z.string(), z.number()).optional(),
});

/** The goals of a step. */
export type Goals = z.output<typeof goalsSchema>;

/** A change of goals as stored. */
export const goalChangeSchema = z.object({
  /** The first step that it applies to. */
  step: z.int().min(1),
  /** Who made it. */
  author: z.string(),
  /** When it was made, RFC 3339. */
  at: z.string(),
  /** The goals before the change. */
  before: goalsSchema,
  /** The complete goals from that step on. */
  after: goalsSchema,
});

/** A change of a run's goals. */
export type GoalChange = z.output<typeof goalChangeSchema>;

/**
 * Returns the configuration of a step: the run's, with the goals of the newest change that applies to the step. These
 * override a configured schedule of the preference.
 *
 * The newest change wins even over one for a later step, because the run must have resumed from an earlier checkpoint
 * in between.
 *
 * @param changes in the order in which they were made
 */
export function configAt(config: RunConfig, changes: readonly GoalChange[], step: number): RunConfig {
  const change = changes.findLast((each) => each.step <= step);
  return change === undefined ? config : withGoals(config, change.after);
}

/** Returns the configuration with other goals. */
export function withGoals(config: RunConfig, { objectives, preference }: Goals): RunConfig {
  const changed = { ...config, objectives };
  return preference ? steered(changed, preference) : changed;
}

/** Returns a configuration's goals in a step. */
export function goalsOf(config: RunConfig, step: number): Goals {
  const preference = configuredPreference(config, step);
  return { objectives: config.objectives, ...(preference && { preference }) };
}

/** Methods whose preference or weights can be set. */
const steeredMethods = methods.filter((method) => combinerOf(method).steeredBy !== undefined);

/** Returns the configured preference or weights of a step; undefined if the method takes none. */
export function configuredPreference(config: RunConfig, step: number): Record<string, number> | undefined {
  if (combinerOf(config.combine.method).steeredBy === undefined) return undefined;
  const numbers = steeringNumbers(config);
  const names = objectiveNames(config);
  const share = (name: string): number =>
    numbers === undefined ? 1 / names.length : numberAt(required(numbers[name], `the number for ${name}`), step);
  return Object.fromEntries(names.map((name) => [name, share(name)]));
}

/**
 * Checks a requested preference.
 *
 * @param names the run's objectives
 * @throws RpcError INVALID_ARGUMENT listing every problem
 */
export function checkPreference(names: readonly string[], preference: Readonly<Record<string, number>>): void {
  const problems = [
    ...names.filter((name) => !Object.hasOwn(preference, name)).map((name) => `${name} is missing`),
    ...Object.keys(preference)
      .filter((name) => !names.includes(name))
      .map((name) => `${name} is not an objective of this run`),
    ...Object.entries(preference)
      .filter(([, value]) => !(Number.isFinite(value) && value >= 0))
      .map(([name, value]) => `${name} is ${value}, expected a finite number of at least 0`),
  ];
  if (problems.length === 0 && names.every((name) => preference[name] === 0)) problems.push('every number is 0');
  if (problems.length === 0) return;
  throw new RpcError(
    'INVALID_ARGUMENT',
    `preference: ${problems.join('; ')}; give each of ${names.join(', ')} a number, at least one of them above 0`,
  );
}

/** Creates the error for giving a preference to a run whose method takes none. */
export function takesNoPreference(runId: string, { combine: { method } }: RunConfig): RpcError {
  return new RpcError(
    'FAILED_PRECONDITION',
    `run ${runId} uses the method ${method}, which takes no preference; methods that do: ${steeredMethods.join(', ')}`,
  );
}
