/** What becomes of a run's aims where somebody adds objectives or removes some: everything is checked before anything changes. */
import {
  checkCombination,
  checkObjectives,
  objective,
  objectiveNames,
  withService,
  type RunConfig,
  type ObjectiveConfig,
  type ServiceNames,
} from '@gapo/config';
import { combinerOf } from '@gapo/objectives';
import { RpcError } from '@gapo/rpc';
import { canonicalJson, ConfigError, nearestKey, parseValue, z } from '@gapo/service';
import { goalsOf, checkPreference, takesNoPreference, withGoals, type Goals } from './goals.js';

/** What somebody asks for. */
export interface ObjectivesRequest {
  /** Objectives to add, after those that stay, as a configuration has them. */
  readonly add: readonly z.input<typeof objective>[];
  /** Names of objectives to remove. */
  readonly remove: readonly string[];
  /** A number for each of the objectives that result; where empty the numbers in force stay. */
  readonly preference: Readonly<Record<string, number>>;
}

/** What the request is checked against. */
export interface ObjectivesInForce {
  readonly runId: string;
  /** The configuration in force in `step`. */
  readonly config: RunConfig;
  /** The first step that can be changed. */
  readonly step: number;
  /** Names that were objectives at some time: to remove one again is no error. */
  readonly known: ReadonlySet<string>;
  /** Names of the reward services that the coordinator knows. */
  readonly services: ServiceNames;
}

/** What a request leads to. */
export interface ChangedObjectives {
  readonly before: Goals;
  /** Equal to `before` where the run aims at that already. */
  readonly after: Goals;
  /** Those of `after` that are not in `before`. */
  readonly added: readonly ObjectiveConfig[];
}

/** What to do where a run's objectives cannot change. */
const instead = "create a run with the objectives that you want; policy.adapter can start it from this one's adapter";

/** Why the objectives of a configuration cannot change while it trains; undefined where they can. */
function whyFixed({ algorithm, ppo, combine }: RunConfig): string | undefined {
  if (algorithm === 'dpo') return 'learns from pairs, whose labels belong to the objectives that it began with';
  if (ppo.advantages === 'gae')
    return 'trains one critic for each objective (ppo.advantages: gae), as tensors of its own';
  const { objectivesFixed } = combinerOf(combine.method);
  return objectivesFixed && `combines by ${combine.method}, ${objectivesFixed}`;
}

/**
 * The aims after a request. What results must be what a run could begin with: it is checked by the rules of run.yaml.
 *
 * @throws RpcError FAILED_PRECONDITION where the run's objectives cannot change, or none would be left; NOT_FOUND for an
 *   objective that never was; ALREADY_EXISTS for one that is there with other settings; INVALID_ARGUMENT for the rest
 */
export function changedObjectives(request: ObjectivesRequest, inForce: ObjectivesInForce): ChangedObjectives {
  const { runId, config, step } = inForce;
  const refuse = (code: 'FAILED_PRECONDITION' | 'INVALID_ARGUMENT', what: string): never => {
    throw new RpcError(code, `run ${runId} ${what}`);
  };
  const fixed = whyFixed(config);
  if (fixed !== undefined) refuse('FAILED_PRECONDITION', `${fixed}; ${instead}`);
  if (request.add.length + request.remove.length === 0) {
    refuse('INVALID_ARGUMENT', 'is to stay as it is: name objectives to add or to remove');
  }
  const before = goalsOf(config, step);
  const kept = before.objectives.filter(({ name }) => !request.remove.includes(name));
  for (const name of request.remove) requireKnown(name, before.objectives, inForce);
  const objectives = [...kept, ...newObjectives(request.add, kept, inForce)];
  if (objectives.length === 0) {
    refuse('FAILED_PRECONDITION', 'would have no objective left: add another one first, or cancel the run');
  }
  const names = objectives.map(({ name }) => name);
  const preference = preferenceAfter(request.preference, before, names, inForce);
  const after: Goals = { objectives, ...(preference && { preference }) };
  checkRules(withGoals(config, after), inForce);
  return { before, after, added: newOf(before, after) };
}

/** The objectives of `after` that are not in `before` with the same settings. */
export function newOf(before: Pick<Goals, 'objectives'>, after: Pick<Goals, 'objectives'>): ObjectiveConfig[] {
  const was = new Set(before.objectives.map(canonicalJson));
  return after.objectives.filter((each) => !was.has(canonicalJson(each)));
}

/** Whether two aims are the same. */
export function isSame(a: Goals, b: Goals): boolean {
  return canonicalJson(a) === canonicalJson(b);
}

function requireKnown(name: string, there: readonly ObjectiveConfig[], { runId, known }: ObjectivesInForce): void {
  if (known.has(name)) return;
  const names = there.map((each) => each.name);
  const near = nearestKey(name, names);
  throw new RpcError(
    'NOT_FOUND',
    `run ${runId} has no objective "${name}": its objectives are ${names.join(', ')}` +
      (near === undefined ? '' : `; did you mean ${near}?`),
  );
}

/** The objectives to add with their defaults; one that is there as it is asked for is left out. */
function newObjectives(
  add: ObjectivesRequest['add'],
  kept: readonly ObjectiveConfig[],
  { runId }: ObjectivesInForce,
): ObjectiveConfig[] {
  const written = asked(() => parseValue(z.strictObject({ add: z.array(objective) }), { add }, `run ${runId}`));
  return written.add.map(withService).filter((each) => {
    const there = kept.find(({ name }) => name === each.name);
    if (there === undefined) return true;
    if (canonicalJson(there) === canonicalJson(each)) return false;
    throw new RpcError(
      'ALREADY_EXISTS',
      `run ${runId} has an objective ${there.name} (service ${there.service}, onFailure ${there.onFailure}, ` +
        `timeoutSeconds ${there.timeoutSeconds}); choose another name, or remove that one as well`,
    );
  });
}

/** The numbers in force afterwards; undefined where the method takes none. */
function preferenceAfter(
  given: Readonly<Record<string, number>>,
  before: Goals,
  names: readonly string[],
  { runId, config }: ObjectivesInForce,
): Record<string, number> | undefined {
  const numbers = Object.entries(given).length > 0 ? given : undefined;
  if (before.preference === undefined) {
    if (numbers === undefined) return undefined;
    throw takesNoPreference(runId, config);
  }
  const staying = Object.entries(before.preference).filter(([name]) => names.includes(name));
  const preference = numbers ?? Object.fromEntries(staying);
  checkPreference(names, preference);
  return Object.fromEntries(names.map((name) => [name, preference[name]!]));
}

/** The rules of run.yaml that objectives are part of. */
function checkRules(config: RunConfig, { runId, services }: ObjectivesInForce): void {
  const rules = z.custom<RunConfig>().superRefine((changed, context) => {
    const refuse = (path: PropertyKey[], message: string): void => context.addIssue({ code: 'custom', path, message });
    checkObjectives(changed.objectives, services, refuse);
    checkCombination(changed, objectiveNames(changed), refuse);
  });
  asked(() => parseValue(rules, config, `run ${runId}`));
}

/** What is wrong with a value is wrong with the request. */
function asked<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ConfigError) throw new RpcError('INVALID_ARGUMENT', error.message, { cause: error });
    throw error;
  }
}
