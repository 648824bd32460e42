/** A run's history on disk: the reports of its steps and its checkpoints. */
import { updatesPerStep, type RunConfig } from '@gapo/config';
import type { StepReport } from '@gapo/rpc';
import { UserError } from '@gapo/service';
import {
  DamagedCheckpoint,
  readCheckpoint,
  sha256OfCheckpoint,
  writeCheckpoint,
  type CheckpointContent,
  type CheckpointOwner,
} from '../state/checkpoint.js';
import {
  isMilestone,
  listCheckpoints,
  setAside,
  type CheckpointPlace,
  type Retention,
} from '../state/checkpointPlaces.js';
import type { RunInputs } from '../state/runInputs.js';
import type { TrainingState } from '../state/trainingState.js';
import type { TrainingContext } from '../step/context/trainingContext.js';
import type { RunDirectory } from './runDirectory.js';
import { StepLog } from './stepLog.js';

/** Number of steps whose mean time predicts the time left. */
const recentSteps = 10;

/** The checkpoint that a run continues from. */
export interface StoredState extends CheckpointContent {
  /** What is wrong with the later checkpoints that were skipped; empty if there were none. */
  readonly refused: string;
}

/** The history of one run. */
export class RunHistory {
  readonly #config: RunConfig;
  readonly #runId: string;
  readonly #directory: RunDirectory;
  /** The reports of its steps. */
  readonly steps: StepLog;
  #checkpoint: CheckpointPlace | undefined;
  /** Inputs that a user accepted in place of a checkpoint's. */
  acceptedInputs: RunInputs = {};
  /** SHA-256 (hex) of the newest version while its tensors are not in memory; empty before {@link find}. */
  storedSha256 = '';

  constructor(config: RunConfig, runId: string, directory: RunDirectory) {
    this.#config = config;
    this.#runId = runId;
    this.#directory = directory;
    this.steps = new StepLog(directory);
  }

  /** The report of the last step; undefined before the first. */
  get last(): StepReport | undefined {
    return this.steps.recent.at(-1);
  }

  /** The newest checkpoint; undefined if there is none. */
  get checkpoint(): CheckpointPlace | undefined {
    return this.#checkpoint;
  }

  /** Wall-clock seconds of the last steps. Together with the step in progress they predict the time left. */
  get recentSeconds(): readonly number[] {
    return this.steps.recent.slice(1 - recentSteps).map(({ seconds }) => seconds);
  }

  /**
   * Finds the newest checkpoint of a run from an earlier process. Ignores checkpoints whose state.json cannot be read.
   */
  async find(): Promise<void> {
    for (const place of [...(await listCheckpoints(this.#directory.checkpoints))].reverse()) {
      const sha256 = await sha256OfCheckpoint(place);
      if (sha256 === undefined) continue;
      this.#checkpoint = place;
      this.storedSha256 = sha256;
      return;
    }
  }

  /**
   * Reads the newest intact checkpoint; undefined if there are no checkpoints. Damaged ones are renamed, see
   * {@link StoredState.refused}.
   *
   * @throws UserError if all are damaged; otherwise as {@link readCheckpoint}
   */
  async read(training: TrainingContext): Promise<StoredState | undefined> {
    const { checkpoints } = this.#directory;
    const damaged: CheckpointPlace[] = [];
    const problems: string[] = [];
    for (const place of [...(await listCheckpoints(checkpoints))].reverse()) {
      try {
        const content = await readCheckpoint(place, this.#owner(training));
        this.#checkpoint = place;
        if (damaged.length === 0) return { ...content, refused: '' };
        this.#directory.assertWritable();
        await setAside(checkpoints, damaged);
        return { ...content, refused: `${problems.join('; ')}; continues from step ${place.step}` };
      } catch (error) {
        if (!(error instanceof DamagedCheckpoint)) throw error;
        damaged.push(place);
        problems.push(error.message);
      }
    }
    if (damaged.length === 0) {
      this.#checkpoint = undefined;
      return undefined;
    }
    const which = `every checkpoint of run ${this.#runId} is damaged`;
    throw new UserError(
      `${which}: ${problems.join('; ')}; restore one, or remove ${checkpoints} to train from the start`,
    );
  }

  /** Writes a checkpoint. */
  async write(
    training: TrainingContext,
    state: TrainingState,
    report: StepReport | undefined,
  ): Promise<CheckpointPlace> {
    return (this.#checkpoint = await writeCheckpoint(
      this.#directory,
      this.#owner(training),
      state,
      report,
      this.#retention,
    ));
  }

  /** Whether the checkpoint of a step is kept when it is no longer among the newest. */
  isMilestone(step: number): boolean {
    return isMilestone(step, this.#retention);
  }

  get #retention(): Retention {
    const { checkpoints, steps } = this.#config;
    return { ...checkpoints, steps };
  }

  /**
   * Drops the reports of later steps and a truncated line. Restores the checkpoint's report if it was not written.
   *
   * @returns the restored report, which has not been published yet
   */
  rewindTo(content: CheckpointContent | undefined): StepReport | undefined {
    const added = this.steps.rewindTo(content?.state.step ?? 0, content?.report);
    return added ? content?.report : undefined;
  }

  /** Returns the checkpoints by version, oldest first. */
  async versions(): Promise<ReadonlyMap<number, CheckpointPlace>> {
    const places = await listCheckpoints(this.#directory.checkpoints);
    return new Map(places.map((place) => [place.step * updatesPerStep(this.#config), place]));
  }

  /**
   * Reads the parameters in a checkpoint.
   *
   * @throws UserError as {@link readCheckpoint}
   */
  async parametersIn(place: CheckpointPlace, training: TrainingContext): Promise<Float32Array> {
    return (await readCheckpoint(place, this.#owner(training))).state.trained.parameters;
  }

  /** Checkpoints belong to the run's initial configuration, whatever its current goals. */
  #owner({ shapes, adapter, inputs }: TrainingContext): CheckpointOwner {
    const { acceptedInputs } = this;
    return { runId: this.#runId, config: this.#config, shapes, adapter, inputs, acceptedInputs };
  }
}
