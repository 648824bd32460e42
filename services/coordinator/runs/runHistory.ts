/** What a run has behind it, on disk: the reports of its steps and its checkpoints. */
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
import type { TrainingState } from '../state/trainingState.js';
import type { TrainingContext } from '../step/context/trainingContext.js';
import type { RunDirectory } from './runDirectory.js';

/** Steps whose mean time the estimate of the time left is made from. */
const recentSteps = 10;

/** The history of one run. */
export class RunHistory {
  readonly #config: RunConfig;
  readonly #runId: string;
  readonly #directory: RunDirectory;
  #reports: StepReport[];
  #checkpoint: CheckpointPlace | undefined;
  /** Of the newest version of a run that another process left, until its tensors are read. */
  #storedSha256 = '';

  constructor(config: RunConfig, runId: string, directory: RunDirectory) {
    this.#config = config;
    this.#runId = runId;
    this.#directory = directory;
    this.#reports = directory.readSteps();
  }

  /** The report of the latest step; undefined before the first. */
  get last(): StepReport | undefined {
    return this.#reports.at(-1);
  }

  /** The newest checkpoint; undefined where there is none. */
  get checkpoint(): CheckpointPlace | undefined {
    return this.#checkpoint;
  }

  /** SHA-256 (hex) of the newest version as its checkpoint says; empty where that was not looked for. */
  get storedSha256(): string {
    return this.#storedSha256;
  }

  /** Wall seconds of the latest steps, one fewer than an estimate is made from. */
  get recentSeconds(): readonly number[] {
    return this.#reports.slice(1 - recentSteps).map(({ seconds }) => seconds);
  }

  /** The reports of the steps after one. */
  after(step: number): readonly StepReport[] {
    return this.#reports.filter((report) => report.step > step);
  }

  /** Adds the report of a step. */
  append(report: StepReport): void {
    this.#reports.push(report);
    this.#directory.appendStep(report);
  }

  /** Finds the newest checkpoint of a run that another process left. */
  async find(): Promise<void> {
    this.#checkpoint = (await listCheckpoints(this.#directory.checkpoints)).at(-1);
    this.#storedSha256 = (this.#checkpoint && (await sha256OfCheckpoint(this.#checkpoint))) ?? '';
  }

  /**
   * Reads the newest checkpoint; undefined where there is none.
   *
   * @throws UserError as {@link readCheckpoint}
   */
  async read(training: TrainingContext): Promise<CheckpointContent | undefined> {
    const place = (await listCheckpoints(this.#directory.checkpoints)).at(-1);
    const content = place && (await readCheckpoint(place, this.#owner(training)));
    this.#checkpoint = place;
    return content;
  }

  /** Writes a checkpoint; the newest from then on. */
  async write(
    training: TrainingContext,
    state: TrainingState,
    report: StepReport | undefined,
  ): Promise<CheckpointPlace> {
    const { checkpoints } = this.#directory;
    const { keep } = this.#config.checkpoints;
    return (this.#checkpoint = await writeCheckpoint(checkpoints, this.#owner(training), state, report, keep));
  }

  /** Steps after a checkpoint come again: their reports go. One that a crash kept from being written comes back. */
  goBackTo(content: CheckpointContent | undefined): void {
    const step = content?.state.step ?? 0;
    const reports = this.#reports.filter((report) => report.step <= step);
    if (content?.report && reports.at(-1)?.step !== step) reports.push(content.report);
    if (reports.length === this.#reports.length) return;
    this.#directory.writeSteps(reports);
    this.#reports = reports;
  }

  /** The checkpoints by the version that each holds, oldest first. */
  async versions(): Promise<ReadonlyMap<number, CheckpointPlace>> {
    const places = await listCheckpoints(this.#directory.checkpoints);
    return new Map(places.map((place) => [place.step * updatesPerStep(this.#config), place]));
  }

  /**
   * The parameters in a checkpoint.
   *
   * @throws UserError as {@link readCheckpoint}
   */
  async parametersIn(place: CheckpointPlace, training: TrainingContext): Promise<Float32Array> {
    return (await readCheckpoint(place, this.#owner(training))).state.trained.parameters;
  }

  /** A checkpoint is of the run's own configuration, whatever it aims at meanwhile. */
  #owner({ shapes, adapter }: TrainingContext): CheckpointOwner {
    return { runId: this.#runId, config: this.#config, shapes, adapter };
  }
}
