/** A run's preference: the configuration's, and what people made of it since, kept in its directory. */
import { RpcError } from '@gapo/rpc';
import { UserError } from '@gapo/telemetry';
import { configuredPreference, STEERED_METHODS } from '../step/combination.js';
import { checkPreference, preferenceAt, type PreferenceChange } from './preferences.js';
import { objectiveNames, type RunConfig } from '../config/runConfig.js';
import type { RunDirectory } from './runDirectory.js';
import type { TrainingState } from './trainingState.js';

/** The preference of one run over its steps. */
export class RunPreferences {
  readonly #config: RunConfig;
  readonly #runId: string;
  readonly #directory: RunDirectory;
  #changes: readonly PreferenceChange[];

  constructor(config: RunConfig, runId: string, directory: RunDirectory) {
    this.#config = config;
    this.#runId = runId;
    this.#directory = directory;
    this.#changes = directory.readPreferences();
  }

  /** The changes so far, in their order. */
  get changes(): readonly PreferenceChange[] {
    return this.#changes;
  }

  /** What a step uses; undefined where the method takes no preference. */
  inForce(step: number): Record<string, number> | undefined {
    return preferenceAt(this.#changes, step) ?? configuredPreference(this.#config, step);
  }

  /**
   * Changes the preference: on disk when this returns. It takes the place of the configured course, if there is one.
   *
   * @param step the first step that can use it
   * @param ended the run's state where it takes no more steps
   * @throws RpcError INVALID_ARGUMENT for a preference that does not fit the objectives
   * @throws RpcError FAILED_PRECONDITION where the method takes none, or no step is left to take
   */
  change(
    step: number,
    preference: Readonly<Record<string, number>>,
    author: string,
    ended: string | undefined,
  ): PreferenceChange {
    const { combine, steps } = this.#config;
    const before = this.inForce(step);
    const refuse = (what: string): never => {
      throw new RpcError('FAILED_PRECONDITION', `run ${this.#runId} ${what}`);
    };
    if (before === undefined) {
      return refuse(
        `combines by ${combine.method}, which takes no preference; methods that do: ${STEERED_METHODS.join(', ')}`,
      );
    }
    checkPreference(objectiveNames(this.#config), preference);
    if (step > steps) refuse('takes or has taken its last step: no step is left that could use a preference');
    if (ended !== undefined) refuse(`is ${ended}: no step is left that could use a preference`);
    const change = { step, author, at: new Date().toISOString(), before, after: { ...preference } };
    const changes = [...this.#changes, change];
    this.#directory.writePreferences(changes);
    this.#changes = changes;
    return change;
  }

  /**
   * Checks that the changes that a state was made with are still there, since the steps after it need them.
   *
   * @throws UserError where they are not
   */
  assertHas({ step, preferences }: TrainingState): void {
    if (JSON.stringify(this.#changes.slice(0, preferences.length)) === JSON.stringify(preferences)) return;
    throw new UserError(
      `run ${this.#runId}: preferences.jsonl lacks changes that its checkpoint at step ${step} was made with; restore it`,
    );
  }
}
