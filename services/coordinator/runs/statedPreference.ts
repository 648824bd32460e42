/** The preference given to a policy outside training: by an evaluation, or by a request for completions. */
import { conditionOf, objectiveNames } from '@gapo/config';
import { at } from '@gapo/numeric';
import { completePreference, preferenceLevels } from '@gapo/objectives';
import { RpcError } from '@gapo/rpc';
import { configuredPreference } from '../state/goals.js';
import { preferenceOf, type Levels } from '../step/context/conditioning.js';
import type { Run } from './run.js';

/** A preference given to a policy. */
export interface StatedPreference {
  readonly levels: Levels;
  /** The levels as shares, by objective. */
  readonly preference: Readonly<Record<string, number>>;
}

/**
 * Returns the preference given to a run's policy; undefined if it takes none.
 *
 * @param run whose policy is used
 * @param given shares by objective; objectives without one split the rest equally. If empty, the configured preference applies
 * @param step whose configured preference applies
 * @throws RpcError FAILED_PRECONDITION for shares if the run's policy takes none, INVALID_ARGUMENT for invalid shares
 */
export function statedPreference(
  run: Pick<Run, 'id' | 'config'>,
  given: Readonly<Record<string, number>>,
  step: number,
): StatedPreference | undefined {
  const { id, config } = run;
  const condition = conditionOf(config);
  const isGiven = Object.keys(given).length > 0;
  if (condition === undefined) {
    if (!isGiven) return undefined;
    throw new RpcError(
      'FAILED_PRECONDITION',
      `run ${id} has one policy for one preference: leave the preference out, or train a policy that is conditioned on it (policy.condition)`,
    );
  }
  const names = objectiveNames(config);
  const shares = isGiven ? completed(names, given) : Object.values(configuredPreference(config, step) ?? {});
  const levels = preferenceLevels(shares, condition.levels);
  const stated = preferenceOf(levels);
  return { levels, preference: Object.fromEntries(names.map((name, k) => [name, at(stated, k)])) };
}

function completed(names: readonly string[], given: Readonly<Record<string, number>>): readonly number[] {
  try {
    return completePreference(names, given);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RpcError('INVALID_ARGUMENT', `preference: ${error.message}`, { cause: error });
  }
}
