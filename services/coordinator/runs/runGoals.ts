/** The goals of a run over its steps. Changes are stored in its directory, logged and published. */
import { conditionOf, type ObjectiveConfig, objectiveNames, type RunConfig } from '@gapo/config';
import { RpcError } from '@gapo/rpc';
import { canonicalJson, UserError } from '@gapo/service';
import { checkRewards } from '../scoring/rewardServices.js';
import { goalsOf, checkPreference, configAt, takesNoPreference, type Goals, type GoalChange } from '../state/goals.js';
import {
  changedObjectives,
  isSame,
  newOf,
  type ChangedObjectives,
  type ObjectivesRequest,
} from '../state/objectiveChanges.js';
import type { TrainingState } from '../state/trainingState.js';
import type { RunEvents } from './events.js';
import type { Platform } from './platform.js';
import type { RunDirectory } from './runDirectory.js';

/** How far a run has got when its goals change. */
export interface RunPosition {
  /** The first step whose goals can still change. */
  readonly step: number;
  /** The run's state if it takes no further steps; otherwise undefined. */
  readonly ended: string | undefined;
}

/** The result of a request to change objectives. */
export interface ObjectivesAnswer {
  /** Whether the request changed anything. */
  readonly changed: boolean;
  /** The first step with the requested objectives. */
  readonly step: number;
  /** The goals before the change. */
  readonly before: Goals;
  /** The goals from that step on. */
  readonly after: Goals;
}

/** What the goals of a run depend on. */
export interface GoalsContext {
  readonly config: RunConfig;
  readonly runId: string;
  readonly directory: RunDirectory;
  readonly platform: Pick<Platform, 'rewards' | 'rewardRetryMs' | 'log'>;
  readonly events: RunEvents;
}

/** The goals of one run. */
export class RunGoals {
  readonly #context: GoalsContext;
  #changes: readonly GoalChange[];

  constructor(context: GoalsContext) {
    this.#context = context;
    this.#changes = context.directory.readGoalChanges();
  }

  /** All changes, in order. */
  get changes(): readonly GoalChange[] {
    return this.#changes;
  }

  /** Returns the configuration of a step. */
  configAt(step: number): RunConfig {
    return configAt(this.#context.config, this.#changes, step);
  }

  /** Returns the goals of a step. */
  at(step: number): Goals {
    return goalsOf(this.configAt(step), step);
  }

  /** Returns the objectives of a step that the previous step did not have. */
  addedAt(step: number): ObjectiveConfig[] {
    return newOf(this.configAt(step - 1), this.configAt(step));
  }

  /**
   * Changes the preference. The change is on disk and published when this returns.
   *
   * @throws RpcError INVALID_ARGUMENT for a preference that does not match the objectives
   * @throws RpcError FAILED_PRECONDITION if the method takes none, the policy gets one with each prompt, or no step is left
   */
  setPreference(position: RunPosition, preference: Readonly<Record<string, number>>, author: string): GoalChange {
    const { runId, platform, events } = this.#context;
    const { step } = position;
    const config = this.configAt(step);
    const before = goalsOf(config, step);
    if (before.preference === undefined) throw takesNoPreference(runId, config);
    if (conditionOf(config) !== undefined) {
      throw new RpcError(
        'FAILED_PRECONDITION',
        `run ${runId} trains for every preference (policy.condition): give one to gapo generate or gapo eval with --prefer`,
      );
    }
    checkPreference(objectiveNames(config), preference);
    this.#refuseWithoutSteps(position, 'a preference');
    const change = this.#record({ step, author, before, after: { ...before, preference: { ...preference } } });
    const event = { step, author, before: before.preference, after: { ...preference } };
    platform.log.info({ run: runId, ...event }, `run ${runId}: new preference from step ${step} on, by ${author}`);
    events.goals(this.#changes.length, change);
    return change;
  }

  /**
   * Adds and removes objectives, after checking the services of the added ones. The change is on disk and published when this
   * resolves. A request that changes nothing records nothing.
   *
   * @param position called again once the services have answered, because training continues meanwhile
   * @throws RpcError as {@link changedObjectives}; FAILED_PRECONDITION if no step is left
   * @throws UserError if a service does not answer or scores another objective
   */
  async changeObjectives(
    position: () => RunPosition,
    request: ObjectivesRequest,
    author: string,
  ): Promise<ObjectivesAnswer> {
    const { runId, platform, events } = this.#context;
    await checkRewards(platform, this.#withObjectives(position(), request).added);
    const now = position();
    const { step } = now;
    const { before, after } = this.#withObjectives(now, request);
    if (isSame(before, after)) return { changed: false, step, before, after: before };
    const change = this.#record({ step, author, before, after });
    const objectives = namesOf(after.objectives);
    // An objective with new settings counts as both removed and added.
    const [added, removed] = [namesOf(newOf(before, after)), namesOf(newOf(after, before))];
    const event = { step, author, added, removed, objectives, preference: after.preference ?? {} };
    platform.log.info(
      { run: runId, ...event },
      `run ${runId}: the objectives from step ${step} on are ${objectives.join(', ')}, by ${author}`,
    );
    events.goals(this.#changes.length, change);
    return { changed: true, step, before, after };
  }

  /**
   * Checks that the changes behind a state are still recorded, because later steps need them.
   *
   * @throws UserError if they are not
   */
  assertHas({ step, goalChanges }: TrainingState): void {
    if (canonicalJson(this.#changes.slice(0, goalChanges.length)) === canonicalJson(goalChanges)) return;
    throw new UserError(
      `run ${this.#context.runId}: aims.jsonl lacks changes that led to the checkpoint of step ${step}; restore the file`,
    );
  }

  /** Computes the result of a request without recording it. */
  #withObjectives(position: RunPosition, request: ObjectivesRequest): ChangedObjectives {
    this.#refuseWithoutSteps(position, 'other objectives');
    const { step } = position;
    const { config, runId, platform } = this.#context;
    const past = [config, ...this.#changes.flatMap(({ before, after }) => [before, after])];
    const known = new Set(past.flatMap(({ objectives }) => namesOf(objectives)));
    return changedObjectives(request, { runId, config: this.configAt(step), step, known, services: platform.rewards });
  }

  #record(unrecorded: Omit<GoalChange, 'at'>): GoalChange {
    const change = { ...unrecorded, at: new Date().toISOString() };
    const changes = [...this.#changes, change];
    this.#context.directory.writeGoalChanges(changes);
    this.#changes = changes;
    return change;
  }

  #refuseWithoutSteps({ step, ended }: RunPosition, what: string): void {
    const { runId, config } = this.#context;
    const why = step > config.steps ? 'has started its last step' : ended && `is ${ended}`;
    if (why !== undefined) {
      throw new RpcError('FAILED_PRECONDITION', `run ${runId} ${why}: no step is left that could use ${what}`);
    }
  }
}

function namesOf(objectives: readonly ObjectiveConfig[]): string[] {
  return objectives.map(({ name }) => name);
}
