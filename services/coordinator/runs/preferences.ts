/** Changes of a run's preference while it runs: who made them, and which preference a step uses. */
import { RpcError } from '@gapo/rpc';
import { z } from '@gapo/settings';

const numbers = z.record(z.string(), z.number());

/** A change as it is kept on disk. */
export const preferenceChangeSchema = z.object({
  /** The first step that uses it. */
  step: z.int().min(1),
  /** Who changed it. */
  author: z.string(),
  /** When, RFC 3339. */
  at: z.string(),
  /** What was in force before, by objective. */
  before: numbers,
  /** What is in force from the step on, by objective. */
  after: numbers,
});

/** A change of preference, as somebody made it. */
export type PreferenceChange = z.output<typeof preferenceChangeSchema>;

/**
 * What a step uses: the latest change that holds for it, undefined where the configuration's own holds.
 *
 * A change that was made for an earlier step after one for a later step replaces that too: the run had gone back to a
 * checkpoint meanwhile, and the newest wish counts.
 *
 * @param changes in the order in which they were made
 */
export function preferenceAt(changes: readonly PreferenceChange[], step: number): Record<string, number> | undefined {
  return changes.findLast((change) => change.step <= step)?.after;
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
