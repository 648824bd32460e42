/** A run's history on disk: the reports of its steps and its checkpoints. */
import { updatesPerStep, type RunConfig } from '@gapo/config';
import type { StepReport } from '@gapo/rpc';
import {
  listCheckpoints,
  readCheckpoint,
  sha256OfCheckpoint,
  writeCheckpoint,
  type CheckpointContent,
  type CheckpointOwner,
  type CheckpointPlace,
} from '../state/checkpoint.js';
import type { RunInputs } from '../state/runInputs.js';
import type { TrainingState } from '../state/trainingState.js';
import type { TrainingContext } from '../step/context/trainingContext.js';
import type { RunDirectory } from './runDirectory.js';

/** Number of steps whose mean time predicts the time left. */
const recentSteps = 10;

/** The history of one run. */
export class RunHistory {
  readonly #config: RunConfig;
  readonly #runId: string;
  readonly #directory: RunDirectory;
  #reports: StepReport[];
  #checkpoint: CheckpointPlace | undefined;
  /** Inputs that a user accepted in place of a checkpoint's. */
  acceptedInputs: RunInputs = {};
  /** SHA-256 of the newest version of a run that an earlier process left, until its tensors are read. */
  #storedSha256 = '';

  constructor(config: RunConfig, runId: string, directory: RunDirectory) {
    this.#config = config;
    this.#runId = runId;
    this.#directory = directory;
    this.#reports = directory.readSteps();
  }

  /** The report of the last step; undefined before the first. */
  get last(): StepReport | undefined {
    return this.#reports.at(-1);
  }

  /** The newest checkpoint; undefined if there is none. */
  get checkpoint(): CheckpointPlace | undefined {
    return this.#checkpoint;
  }

  /** SHA-256 (hex) of the newest version according to its checkpoint; empty before {@link find}. */
  get storedSha256(): string {
    return this.#storedSha256;
  }

  /** Wall seconds of the last steps. With the step in progress they predict the time left. */
  get recentSeconds(): readonly number[] {
    return this.#reports.slice(1 - recentSteps).map(({ seconds }) => seconds);
  }

  /** Returns the reports of the steps after `step`. */
  after(step: number): readonly StepReport[] {
    return this.#reports.filter((report) => report.step > step);
  }

  /** Adds the report of a step. */
  append(report: StepReport): void {
    this.#reports.push(report);
    this.#directory.appendStep(report);
  }

  /** Finds the newest checkpoint of a run that an earlier process left. */
  async find(): Promise<void> {
    this.#checkpoint = (await listCheckpoints(this.#directory.checkpoints)).at(-1);
    this.#storedSha256 = (this.#checkpoint && (await sha256OfCheckpoint(this.#checkpoint))) ?? '';
  }

  /**
   * Reads the newest checkpoint; undefined if there is none.
   *
   * @throws UserError as {@link readCheckpoint}
   */
  async read(training: TrainingContext): Promise<CheckpointContent | undefined> {
    const place = (await listCheckpoints(this.#directory.checkpoints)).at(-1);
    const content = place && (await readCheckpoint(place, this.#owner(training)));
    this.#checkpoint = place;
    return content;
  }

  /** Writes a checkpoint. */
  async write(
    training: TrainingContext,
    state: TrainingState,
    report: StepReport | undefined,
  ): Promise<CheckpointPlace> {
    this.#directory.assertWritable();
    const { checkpoints } = this.#directory;
    const { keep } = this.#config.checkpoints;
    return (this.#checkpoint = await writeCheckpoint(checkpoints, this.#owner(training), state, report, keep));
  }

  /** Drops reports of later steps and a truncated line, and restores the checkpoint's report if a crash lost it. */
  rewindTo(content: CheckpointContent | undefined): void {
    const step = content?.state.step ?? 0;
    const reports = this.#reports.filter((report) => report.step <= step);
    if (content?.report && reports.at(-1)?.step !== step) reports.push(content.report);
    this.#directory.writeSteps(reports);
    this.#reports = reports;
  }

  /** Returns the checkpoints by their versions, oldest first. */
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

  /** Checkpoints belong to the run's initial configuration, whatever its present goals are. */
  #owner({ shapes, adapter, inputs }: TrainingContext): CheckpointOwner {
    const { acceptedInputs } = this;
    return { runId: this.#runId, config: this.#config, shapes, adapter, inputs, acceptedInputs };
  }
}
