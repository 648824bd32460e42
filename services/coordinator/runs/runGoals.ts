/** A run's aims: the configuration's, and what people made of them since: kept in its directory, logged and published. */
import { type ObjectiveConfig, objectiveNames, type RunConfig } from '@gapo/config';
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

/** Where a run is, for a change of its aims. */
export interface RunPosition {
  /** The first step that can still be changed. */
  readonly step: number;
  /** The run's state where it takes no more steps. */
  readonly ended: string | undefined;
}

/** What is answered to who asks for other objectives. */
export interface ObjectivesAnswer {
  /** Whether anything is other than before. */
  readonly changed: boolean;
  /** The first step with what was asked for. */
  readonly step: number;
  /** What was in force before. */
  readonly before: Goals;
}

/** What a run's aims are made from. */
export interface RunGoalsParts {
  readonly config: RunConfig;
  readonly runId: string;
  readonly directory: RunDirectory;
  readonly platform: Pick<Platform, 'rewards' | 'log'>;
  readonly events: RunEvents;
}

/** The aims of one run over its steps. */
export class RunGoals {
  readonly #parts: RunGoalsParts;
  #changes: readonly GoalChange[];

  constructor(parts: RunGoalsParts) {
    this.#parts = parts;
    this.#changes = parts.directory.readGoalChanges();
  }

  /** The changes so far, in their order. */
  get changes(): readonly GoalChange[] {
    return this.#changes;
  }

  /** The configuration that a step uses. */
  configAt(step: number): RunConfig {
    return configAt(this.#parts.config, this.#changes, step);
  }

  /** What a step aims at. */
  at(step: number): Goals {
    return goalsOf(this.configAt(step), step);
  }

  /** The objectives that a step has and the one before it had not. */
  addedAt(step: number): ObjectiveConfig[] {
    return newOf(this.configAt(step - 1), this.configAt(step));
  }

  /**
   * Changes the preference: on disk and published when this returns.
   *
   * @throws RpcError INVALID_ARGUMENT for a preference that does not fit the objectives
   * @throws RpcError FAILED_PRECONDITION where the method takes none, or no step is left to take
   */
  setPreference(position: RunPosition, preference: Readonly<Record<string, number>>, author: string): GoalChange {
    const { runId, platform, events } = this.#parts;
    const { step } = position;
    const config = this.configAt(step);
    const before = goalsOf(config, step);
    if (before.preference === undefined) throw takesNoPreference(runId, config);
    checkPreference(objectiveNames(config), preference);
    this.#refuseWithoutSteps(position, 'a preference');
    const change = this.#record({ step, author, before, after: { ...before, preference: { ...preference } } });
    const event = { step, author, before: before.preference, after: { ...preference } };
    platform.log.info({ run: runId, ...event }, `run ${runId}: another preference from step ${step} on, by ${author}`);
    events.preference(this.#changes.length, event);
    return change;
  }

  /**
   * Adds objectives and removes others, once the services of those that are added have said what they are: on disk and
   * published when this resolves. Nothing is recorded where the run aims at that already.
   *
   * @param position asked again once the services have answered: the run goes on meanwhile
   * @throws RpcError as {@link changedObjectives}; FAILED_PRECONDITION where no step is left to take
   * @throws UserError where a service does not answer, or is for another objective
   */
  async changeObjectives(
    position: () => RunPosition,
    request: ObjectivesRequest,
    author: string,
  ): Promise<ObjectivesAnswer> {
    const { runId, platform, events } = this.#parts;
    await checkRewards(platform, this.#withObjectives(position(), request).added);
    const now = position();
    const { step } = now;
    const { before, after } = this.#withObjectives(now, request);
    if (isSame(before, after)) return { changed: false, step, before };
    this.#record({ step, author, before, after });
    const objectives = namesOf(after.objectives);
    // One that has other settings from now on is among both.
    const [added, removed] = [namesOf(newOf(before, after)), namesOf(newOf(after, before))];
    const event = { step, author, added, removed, objectives, preference: after.preference ?? {} };
    platform.log.info(
      { run: runId, ...event },
      `run ${runId}: the objectives from step ${step} on are ${objectives.join(', ')}, by ${author}`,
    );
    events.objective(this.#changes.length, event);
    return { changed: true, step, before };
  }

  /**
   * Checks that the changes that a state was made with are still there, since the steps after it need them.
   *
   * @throws UserError where they are not
   */
  assertHas({ step, goalChanges }: TrainingState): void {
    if (canonicalJson(this.#changes.slice(0, goalChanges.length)) === canonicalJson(goalChanges)) return;
    throw new UserError(
      `run ${this.#parts.runId}: aims.jsonl lacks changes that its checkpoint at step ${step} was made with; restore it`,
    );
  }

  /** What a request leads to; nothing is recorded yet. */
  #withObjectives(position: RunPosition, request: ObjectivesRequest): ChangedObjectives {
    this.#refuseWithoutSteps(position, 'other objectives');
    const { step } = position;
    const { config, runId, platform } = this.#parts;
    const ever = [config, ...this.#changes.flatMap(({ before, after }) => [before, after])];
    const known = new Set(ever.flatMap(({ objectives }) => namesOf(objectives)));
    return changedObjectives(request, { runId, config: this.configAt(step), step, known, services: platform.rewards });
  }

  #record(made: Omit<GoalChange, 'at'>): GoalChange {
    const change = { ...made, at: new Date().toISOString() };
    const changes = [...this.#changes, change];
    this.#parts.directory.writeGoalChanges(changes);
    this.#changes = changes;
    return change;
  }

  #refuseWithoutSteps({ step, ended }: RunPosition, what: string): void {
    const refuse = (why: string): never => {
      throw new RpcError(
        'FAILED_PRECONDITION',
        `run ${this.#parts.runId} ${why}: no step is left that could use ${what}`,
      );
    };
    if (step > this.#parts.config.steps) refuse('takes or has taken its last step');
    if (ended !== undefined) refuse(`is ${ended}`);
  }
}

function namesOf(objectives: readonly ObjectiveConfig[]): string[] {
  return objectives.map(({ name }) => name);
}
