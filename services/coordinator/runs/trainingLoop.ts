/** The training loop of a run: its context, policy versions and state. */
import { setMaxListeners } from 'node:events';
import { sampleLimits, stalenessOf, type RunConfig } from '@gapo/config';
import { RpcError, type StepReport } from '@gapo/rpc';
import { attributeNames, contextOfRun, spanNames, withSpan, type Span } from '@gapo/tracing';
import type { StepSamples } from '../data/keptSamples.js';
import { describeRewardsOrPause } from '../scoring/rewardServices.js';
import { CheckpointPace } from '../state/checkpointPlaces.js';
import { versionOf, type TrainingState } from '../state/trainingState.js';
import type { VersionStore } from '../state/versions.js';
import { Samplings } from '../step/context/samplings.js';
import { stepContext, type Phase, type StepObserver } from '../step/context/stepContext.js';
import { startingVersions, trainingWith, type TrainingContext } from '../step/context/trainingContext.js';
import { completeReport } from '../step/stepReport.js';
import { takeStep } from '../step/takeStep.js';
import { logprobGapWarning } from '../step/updates/logprobGap.js';
import { holdWorkers, workersOf } from '../workers/session.js';
import type { RunEvents } from './events.js';
import type { RunFeed } from './feed.js';
import type { Platform } from './platform.js';
import type { RunGoals } from './runGoals.js';
import type { RunHistory } from './runHistory.js';
import type { RunMetrics } from './runMetrics.js';
import type { SampleFiles } from './samples/sampleFiles.js';
import { SampleRecorder } from './samples/sampleRecorder.js';

/** What a training loop shares with its run. */
export interface LoopContext {
  readonly runId: string;
  readonly config: RunConfig;
  readonly platform: Platform;
  readonly history: RunHistory;
  readonly goals: RunGoals;
  readonly events: RunEvents;
  readonly feed: RunFeed;
  readonly metrics: RunMetrics;
  readonly samples: SampleFiles;
}

/** The training between a start or resumption and the next stop. */
export interface Session {
  /** The key by which workers fetch the session's versions. */
  readonly key: string;
  /** Cancels the step in progress. */
  readonly signal: AbortSignal;
  /** Returns whether to stop after the step in progress. */
  readonly stopping: () => boolean;
}

interface StepSession extends Session {
  readonly samplings: Samplings;
  /** Undefined if the run keeps no completions. */
  readonly recorder: SampleRecorder | undefined;
}

/** The training loop of one run. */
export class TrainingLoop {
  /** The context with the goals that the run was prepared with; {@link context} has those of the next step. */
  readonly training: TrainingContext;
  readonly versions: VersionStore;
  readonly #shared: LoopContext;
  readonly #pace: CheckpointPace;
  #state: TrainingState;
  /** The last step that was started. */
  #started: number;

  constructor(shared: LoopContext, training: TrainingContext, state: TrainingState) {
    this.training = training;
    this.versions = startingVersions(training, state);
    this.#shared = shared;
    this.#pace = new CheckpointPace((3 + stalenessOf(training.config)) * training.initial.byteLength); // parameters, two moments, earlier versions
    this.#state = state;
    this.#started = state.step;
  }

  /** The state after the last completed step. */
  get state(): TrainingState {
    return this.#state;
  }

  /** The first step whose goals can still change. */
  get nextStep(): number {
    return this.#started + 1;
  }

  /** The training context with the goals of the next step. */
  get context(): TrainingContext {
    return trainingWith(this.training, this.#shared.goals.configAt(this.nextStep));
  }

  /** SHA-256 (hex) of the newest version. */
  get sha256(): string {
    return this.versions.get(versionOf(this.#state))?.sha256 ?? '';
  }

  /** Whether every step has been taken. */
  get isComplete(): boolean {
    return this.#state.step >= this.#shared.config.steps;
  }

  /**
   * Takes steps until the last one, or until the session stops. The state is on disk when this settles.
   *
   * @throws PauseNeeded, RunFailure, RpcError or the signal's reason: what stopped a step
   */
  async train(session: Session): Promise<void> {
    const { events, platform } = this.#shared;
    const samplings = new Samplings({
      training: this.training,
      pool: platform.rollout,
      versions: this.versions,
      key: session.key,
      sampled: (event) => events.rollout(event),
    });
    const recorder = this.#recorder();
    try {
      const release = holdWorkers(platform, this.#state.workers);
      try {
        while (!this.isComplete && !session.stopping()) await this.#step({ ...session, samplings, recorder });
      } finally {
        samplings.end();
        release();
        await recorder?.settled();
      }
    } catch (error) {
      await this.#saveProgress().catch((also: unknown) => {
        const { runId, platform } = this.#shared;
        platform.log.error({ run: runId, error: also }, 'the checkpoint of an interrupted run could not be written');
      });
      throw error;
    }
    await this.#saveProgress();
  }

  /**
   * Keeps a version in memory until the returned function is called. Reads it from its checkpoint if necessary.
   *
   * @throws RpcError NOT_FOUND that lists the existing versions
   */
  pin(version: number): Promise<() => void> {
    const { history, runId } = this.#shared;
    return this.versions.pin(version, async () => {
      const stored = await history.versions();
      const place = stored.get(version);
      if (place !== undefined) return history.parametersIn(place, this.training);
      const existing = [...new Set([...this.versions.list(), ...stored.keys()])].sort((a, b) => a - b);
      throw new RpcError('NOT_FOUND', `run ${runId} has no version ${version}; it has ${existing.join(', ')}`);
    });
  }

  /** Writes a checkpoint if steps were completed since the last one. */
  async #saveProgress(): Promise<void> {
    const { history } = this.#shared;
    if (this.#state.step <= (history.checkpoint?.step ?? 0)) return;
    const { directory } = await history.write(this.training, this.#state, history.last);
    this.#announceCheckpoint(this.#state, directory);
  }

  #recorder(): SampleRecorder | undefined {
    const { config, platform, runId, samples: files } = this.#shared;
    const limits = sampleLimits(config);
    return limits && new SampleRecorder({ runId, files, tokens: this.training.tokens, limits, log: platform.log });
  }

  async #step(session: StepSession): Promise<void> {
    const { goals, runId } = this.#shared;
    const step = this.nextStep;
    this.#started = step;
    const config = goals.configAt(step);
    const attributes = {
      [attributeNames.runId]: runId,
      [attributeNames.algorithm]: config.algorithm,
      [attributeNames.step]: step,
      [attributeNames.method]: config.combine.method,
      [attributeNames.objectiveCount]: config.objectives.length,
    };
    const root = { parent: contextOfRun(runId) };
    // Each step has its own signal: a signal keeps its listeners alive, and the session's signal outlives every step.
    const ending = new AbortController();
    setMaxListeners(0, ending.signal); // every job listens
    const end = (): void => ending.abort(session.signal.reason);
    session.signal.addEventListener('abort', end, { once: true });
    if (session.signal.aborted) end();
    const stepSession = { ...session, signal: ending.signal };
    try {
      const take = (span: Span): Promise<StepSamples | undefined> => this.#stepInSpan(step, config, stepSession, span);
      const samples = await withSpan(spanNames.step, attributes, take, root);
      session.samplings.taken(step);
      // Not part of the step. May wait until the previous step's completions are written.
      if (samples !== undefined) await session.recorder?.record(samples);
    } finally {
      session.signal.removeEventListener('abort', end);
      this.#started = this.#state.step;
    }
  }

  /**
   * Takes a step.
   *
   * @param config with the goals of the step
   * @returns the completions to keep
   */
  async #stepInSpan(
    step: number,
    config: RunConfig,
    { key, signal, stopping, samplings }: StepSession,
    span: Span,
  ): Promise<StepSamples | undefined> {
    const { config: { steps }, events, feed, goals, history, platform, runId } = this.#shared; // prettier-ignore
    const startedAt = performance.now();
    const goalChanges = goals.changes;
    const training = trainingWith(this.training, config);
    await describeRewardsOrPause(training.rewards.of(goals.addedAt(step)), signal);
    const progress = (phase: Phase, done: number, total: number, waitingFor = ''): void =>
      feed.progress({ step, phase, done, total, waitingFor });
    const observer: StepObserver = {
      progress,
      reward: (event) => events.reward(event),
      gradient: (update, event) => events.gradient(update, event),
    };
    const { versions } = this;
    const context = stepContext({ training, before: this.#state, workers: platform, samplings, versions, key, signal, observer, goalChanges }); // prettier-ignore
    const { state: taken, findings, samples } = await takeStep(context);
    const warning = logprobGapWarning(context, findings.maxLogprobGap);
    if (warning !== undefined)
      platform.log.warn({ run: runId, step, gap: findings.maxLogprobGap }, `run ${runId}: ${warning}`);
    const state = { ...taken, workers: workersOf(platform, this.#state.workers, runId) };
    const reportAt = (checkpointSeconds: number): StepReport => {
      const times = { seconds: (performance.now() - startedAt) / 1000, checkpointSeconds };
      return completeReport(findings, times, history.recentSeconds, steps - step);
    };
    let checkpointSeconds = 0;
    const writeStartedAt = performance.now() / 1000;
    // Other checkpoints are removed two steps later, so they are not announced.
    const announced = history.isMilestone(step) || stopping();
    if (announced || this.#pace.due(writeStartedAt)) {
      progress('checkpoint', 0, 1);
      await withSpan(spanNames.stepCheckpoint, {}, async () => {
        // The checkpoint also holds the step's report, in case the process ends before the report is appended below.
        const { directory } = await history.write(this.training, state, reportAt(0));
        if (announced) this.#announceCheckpoint(state, directory);
      });
      const writeEndedAt = performance.now() / 1000;
      this.#pace.wrote(writeStartedAt, writeEndedAt);
      checkpointSeconds = writeEndedAt - writeStartedAt;
      progress('checkpoint', 1, 1);
    }
    const report = reportAt(checkpointSeconds);
    span.setAttributes({
      [attributeNames.tokens]: report.tokens,
      [attributeNames.kl]: report.kl,
      [attributeNames.stationarity]: report.stationarity,
      [attributeNames.policyVersion]: versionOf(state),
    });
    span.end(); // the report covers the time until here; the rest only publishes it
    history.steps.append(report);
    this.#state = state;
    feed.step(report);
    events.step(report);
    this.#shared.metrics.stepped(report);
    const rewards = report.objectives.map(({ name, rewardMean }) => `${name} ${rewardMean.toFixed(4)}`).join(', ');
    platform.log.info({ run: runId, step, seconds: report.seconds }, `step ${step} of ${steps}: ${rewards}`);
    return samples;
  }

  #announceCheckpoint(state: TrainingState, directory: string): void {
    const sha256 = this.versions.get(versionOf(state))?.sha256 ?? '';
    this.#shared.events.checkpoint({ step: state.step, directory, sha256 });
  }
}
