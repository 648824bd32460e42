/** Computes a run's goals after adding and removing objectives. The request is checked before anything changes. */
import {
  checkCombination,
  checkObjectives,
  checkWeighting,
  conditionOf,
  objective,
  objectiveNames,
  withService,
  type RunConfig,
  type ObjectiveConfig,
  type ServiceNames,
} from '@gapo/config';
import { required } from '@gapo/numeric';
import { combinerOf, weightingOf } from '@gapo/objectives';
import { RpcError } from '@gapo/rpc';
import { canonicalJson, ConfigError, nearestKey, parseValue, z } from '@gapo/service';
import { goalsOf, checkPreference, takesNoPreference, withGoals, type Goals } from './goals.js';

/** A request to change objectives. */
export interface ObjectivesRequest {
  /** Objectives to append, in the form of the configuration. */
  readonly add: readonly z.input<typeof objective>[];
  /** Names of objectives to remove. */
  readonly remove: readonly string[];
  /** A number for each resulting objective. Empty: the current numbers stay. */
  readonly preference: Readonly<Record<string, number>>;
}

/** The state that a request is checked against. */
export interface ObjectivesInForce {
  readonly runId: string;
  /** The configuration that applies in `step`. */
  readonly config: RunConfig;
  /** The first step whose goals can still change. */
  readonly step: number;
  /** Names of all current and past objectives. Removing a past one is a no-op. */
  readonly known: ReadonlySet<string>;
  /** Names of the reward services that the coordinator knows. */
  readonly services: ServiceNames;
}

/** The result of a request. */
export interface ChangedObjectives {
  readonly before: Goals;
  /** Equal to `before` if the request changes nothing. */
  readonly after: Goals;
  /** The objectives of `after` that are not in `before`. */
  readonly added: readonly ObjectiveConfig[];
}

/** Advice for a run whose objectives cannot change. */
const instead = "create a run with the objectives that you want; its policy.adapter can name this run's adapter";

/** Returns why a configuration's objectives cannot change during training; undefined if they can. */
function whyFixed(config: RunConfig): string | undefined {
  const { algorithm, ppo, combine, weighting } = config;
  if (conditionOf(config))
    return 'conditions its policy on a preference over its initial objectives (policy.condition)';
  if (algorithm === 'dpo') return 'trains on pairs (algorithm: dpo), which are labelled for its initial objectives';
  if (ppo.advantages === 'gae') return 'trains one critic for each objective (ppo.advantages: gae)';
  const { objectivesFixed } = combinerOf(combine.method);
  const fixed = weighting && weightingOf(weighting.method).objectivesFixed;
  if (fixed !== undefined) return `uses the weighting ${weighting?.method}, ${fixed}`;
  return objectivesFixed && `uses the method ${combine.method}, ${objectivesFixed}`;
}

/**
 * Returns the goals after a request. They must be valid for a new run: the rules of run.yaml check them.
 *
 * @throws RpcError FAILED_PRECONDITION if the run's objectives cannot change, or none would be left; NOT_FOUND for an
 *   unknown objective; ALREADY_EXISTS for one that exists with other settings; INVALID_ARGUMENT for any other problem
 */
export function changedObjectives(request: ObjectivesRequest, inForce: ObjectivesInForce): ChangedObjectives {
  const { runId, config, step } = inForce;
  const refuse = (code: 'FAILED_PRECONDITION' | 'INVALID_ARGUMENT', what: string): never => {
    throw new RpcError(code, `run ${runId} ${what}`);
  };
  const fixed = whyFixed(config);
  if (fixed !== undefined) refuse('FAILED_PRECONDITION', `${fixed}; ${instead}`);
  if (request.add.length + request.remove.length === 0) {
    refuse('INVALID_ARGUMENT', 'would not change: name objectives to add or to remove');
  }
  const before = goalsOf(config, step);
  const kept = before.objectives.filter(({ name }) => !request.remove.includes(name));
  for (const name of request.remove) requireKnown(name, before.objectives, inForce);
  const objectives = [...kept, ...newObjectives(request.add, kept, inForce)];
  if (objectives.length === 0) {
    refuse('FAILED_PRECONDITION', 'would have no objective left: add one in the same request, or cancel the run');
  }
  const names = objectives.map(({ name }) => name);
  const preference = preferenceAfter(request.preference, before, names, inForce);
  const after: Goals = { objectives, ...(preference && { preference }) };
  checkRules(withGoals(config, after), inForce);
  return { before, after, added: newOf(before, after) };
}

/** Returns the objectives of `after` that are not in `before` with the same settings. */
export function newOf(before: Pick<Goals, 'objectives'>, after: Pick<Goals, 'objectives'>): ObjectiveConfig[] {
  const was = new Set(before.objectives.map(canonicalJson));
  return after.objectives.filter((each) => !was.has(canonicalJson(each)));
}

/** Whether two goals are equal. */
export function isSame(a: Goals, b: Goals): boolean {
  return canonicalJson(a) === canonicalJson(b);
}

function requireKnown(name: string, objectives: readonly ObjectiveConfig[], { runId, known }: ObjectivesInForce): void {
  if (known.has(name)) return;
  const names = objectives.map((each) => each.name);
  const near = nearestKey(name, names);
  throw new RpcError(
    'NOT_FOUND',
    `run ${runId} has no objective "${name}": its objectives are ${names.join(', ')}` +
      (near === undefined ? '' : `; did you mean ${near}?`),
  );
}

/** Returns the objectives to add, with defaults applied. Omits those that exist with the same settings. */
function newObjectives(
  add: ObjectivesRequest['add'],
  kept: readonly ObjectiveConfig[],
  { runId }: ObjectivesInForce,
): ObjectiveConfig[] {
  const written = ofRequest(() => parseValue(z.strictObject({ add: z.array(objective) }), { add }, `run ${runId}`));
  return written.add.map(withService).filter((each) => {
    const existing = kept.find(({ name }) => name === each.name);
    if (existing === undefined) return true;
    if (canonicalJson(existing) === canonicalJson(each)) return false;
    throw new RpcError(
      'ALREADY_EXISTS',
      `run ${runId} already has an objective ${existing.name} (service ${existing.service}, onFailure ` +
        `${existing.onFailure}, timeoutSeconds ${existing.timeoutSeconds}); choose another name, or remove that ` +
        'objective in the same request',
    );
  });
}

/**
 * Returns the preference after the request; undefined if the method takes none.
 *
 * @throws RpcError FAILED_PRECONDITION if the method takes none but the request gives one, INVALID_ARGUMENT for an
 * invalid one
 */
function preferenceAfter(
  given: Readonly<Record<string, number>>,
  before: Goals,
  names: readonly string[],
  { runId, config }: ObjectivesInForce,
): Record<string, number> | undefined {
  const isGiven = Object.keys(given).length > 0;
  if (before.preference === undefined) {
    if (isGiven) throw takesNoPreference(runId, config);
    return undefined;
  }
  const kept = Object.entries(before.preference).filter(([name]) => names.includes(name));
  const preference = isGiven ? given : Object.fromEntries(kept);
  checkPreference(names, preference);
  return Object.fromEntries(names.map((name) => [name, required(preference[name], `the preference for ${name}`)]));
}

/** Applies the rules of run.yaml that involve objectives. */
function checkRules(config: RunConfig, { runId, services }: ObjectivesInForce): void {
  const rules = z.custom<RunConfig>().superRefine((changed, context) => {
    const refuse = (path: PropertyKey[], message: string): void => context.addIssue({ code: 'custom', path, message });
    checkObjectives(changed.objectives, services, refuse);
    checkCombination(changed, objectiveNames(changed), refuse);
    checkWeighting(changed, refuse);
  });
  ofRequest(() => parseValue(rules, config, `run ${runId}`));
}

/**
 * Runs a check of part of a request.
 *
 * @throws RpcError INVALID_ARGUMENT in place of a ConfigError
 */
function ofRequest<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ConfigError) throw new RpcError('INVALID_ARGUMENT', error.message, { cause: error });
    throw error;
  }
}
