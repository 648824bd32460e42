/** A run: its state, and how it pauses, fails, resumes and ends. */
import type { RunConfig } from '@gapo/config';
import {
  isActive,
  messageOf,
  RpcError,
  RunState,
  stateWord,
  type RunInput,
  type StateEvent,
  type WatchRunResponseInput,
} from '@gapo/rpc';
import { configSha256, isExpected, UserError } from '@gapo/service';
import type { Observe } from '@gapo/tracing';
import { describeRewardsOrPause, needsRewards } from '../scoring/rewardServices.js';
import type { GoalChange } from '../state/goals.js';
import { PauseNeeded } from '../state/interruption.js';
import type { ObjectivesRequest } from '../state/objectiveChanges.js';
import { initialState, type TrainingState } from '../state/trainingState.js';
import type { VersionStore } from '../state/versions.js';
import type { TrainingContext } from '../step/context/trainingContext.js';
import type { Attempts } from './attempts.js';
import { AuditLog } from './auditLog.js';
import { Continuation } from './continuation.js';
import { diskFaultOf } from './diskFault.js';
import { endingWith, endingWithout, type Ending, type StopRequest } from './ending.js';
import { Evaluations } from './evaluations.js';
import { openOutbox, RunEvents } from './events.js';
import { RunFeed } from './feed.js';
import type { IdleLoops } from './idleLoops.js';
import { hasEnded } from './lifecycle.js';
import { LoadedLoop, type HeldLoop } from './loadedLoop.js';
import { publishMissed } from './missedEvents.js';
import type { Platform } from './platform.js';
import { inputsToAccept, readLoop, type RestoredLoop, type Resumption } from './restoredLoop.js';
import { versionKey, type RunDirectory, type RunRecord } from './runDirectory.js';
import { RunGoals, type RunPosition, type ObjectivesAnswer } from './runGoals.js';
import { RunHistory } from './runHistory.js';
import { runMessage } from './runMessage.js';
import { RunMetrics } from './runMetrics.js';
import { RunStatus } from './runStatus.js';
import { SampleFiles } from './samples/sampleFiles.js';
import { trackedRun } from './trackedRun.js';
import { TrainingLoop, type LoopContext } from './trainingLoop.js';

/** Constructor arguments of a {@link Run}. */
export interface RunOptions {
  readonly platform: Platform;
  readonly directory: RunDirectory;
  readonly record: RunRecord;
  readonly config: RunConfig;
  readonly idleLoops: IdleLoops;
}

/** A run. */
export class Run {
  readonly config: RunConfig;
  readonly #platform: Platform;
  /** Everything that users did to the run. */
  readonly audit: AuditLog;
  /** Results of evaluations. */
  readonly evaluations: Evaluations;
  /** Completions that are kept for users to read. */
  readonly samples: SampleFiles;
  readonly #directory: RunDirectory;
  readonly #feed = new RunFeed();
  readonly #events: RunEvents;
  readonly #configSha256: string;
  readonly #history: RunHistory;
  readonly #goals: RunGoals;
  readonly #status: RunStatus;
  readonly #continuation: Continuation;
  readonly #loop: LoadedLoop;
  readonly #metrics: RunMetrics;
  #stopRequest: StopRequest | undefined;
  #abort = new AbortController();
  /** Settles once the training in progress has stopped. */
  #training: Promise<void> = Promise.resolve();
  /** Whether the process is shutting down. */
  #ending = false;

  constructor({ platform, directory, record, config, idleLoops }: RunOptions) {
    this.config = config;
    this.#platform = platform;
    this.#directory = directory;
    this.audit = new AuditLog(directory, (message) => platform.log.warn({ run: record.id }, message));
    this.evaluations = new Evaluations(directory);
    this.samples = new SampleFiles(directory);
    this.#configSha256 = configSha256(config);
    this.#metrics = new RunMetrics(record.id, config);
    this.#history = new RunHistory(config, record.id, directory);
    this.#events = new RunEvents(openOutbox(platform, directory), record.resumptions);
    this.#goals = new RunGoals({ config, runId: record.id, directory, platform, events: this.#events });
    const changed = (change: StateEvent): void => {
      this.#continuation.end();
      if (!isActive(this.#record.state)) this.#stopRequest = undefined;
      this.#metrics.changed(this.#record.state);
      this.#feed.state(this.snapshot());
      this.#events.state(this.#record.changes, change);
    };
    this.#status = new RunStatus({ directory, record, log: platform.log, changed });
    this.#continuation = new Continuation({
      config,
      status: this.#status,
      stepsTaken: () => this.#stepsTaken,
      changed: () => this.#feed.state(this.snapshot()),
      resume: (attempts) => this.#resumeAfterFault(attempts),
    });
    this.#loop = new LoadedLoop({
      runId: record.id,
      key: () => this.key,
      idleLoops,
      read: (known, acceptChangedInputs) => this.#read(known?.training, acceptChangedInputs),
      isTraining: () => this.isActive,
      released: ({ sha256 }) => (this.#history.storedSha256 = sha256),
    });
  }

  /** Reports the run to the platform's trackers, starting with its first event. Call this once the run's files have been read. */
  track(): void {
    const steps = this.#history.steps;
    this.#events.onLasting = this.#platform.tracking.follow(
      trackedRun({ run: this, directory: this.#directory, steps, log: this.#events.log }),
    );
  }

  get #record(): RunRecord {
    return this.#status.record;
  }

  get id(): string {
    return this.#record.id;
  }

  get created(): Date {
    return new Date(this.#record.created);
  }

  get state(): RunState {
    return this.#record.state;
  }

  /** Whether the run is starting or training. */
  get isActive(): boolean {
    return isActive(this.#record.state);
  }

  /** The key by which workers fetch the run's versions; changes with each resumption. */
  get key(): string {
    return versionKey(this.#record);
  }

  /** Returns the in-memory versions under a key; undefined unless the run is training or being evaluated, or recently was. */
  versionsOf(key: string, version: number): VersionStore | undefined {
    return this.#loop.versionsOf(key === this.id ? this.key : key, version);
  }

  /** Reports the run's metrics, unless the run has ended or is waiting for a user. */
  observe(observe: Observe): void {
    if (!this.isActive && !this.continues) return;
    this.#metrics.observe(observe, { state: this.#record.state, last: this.#history.last });
  }

  /** Returns the run as a message. */
  snapshot(): RunInput {
    const { last, checkpoint, storedSha256 } = this.#history;
    return runMessage({
      record: this.#record,
      config: this.config,
      configSha256: this.#configSha256,
      goals: this.#goals.at(this.#nextStep),
      last,
      checkpoint,
      versionSha256: this.#loop.current?.sha256 ?? storedSha256,
      recovery: this.#continuation.state,
      requested: this.#stopRequest?.transition,
    });
  }

  /** The configuration as submitted, the directory that its relative paths refer to, and every later change of goals. */
  get source(): { configYaml: string; baseDirectory: string; goalChanges: readonly GoalChange[] } {
    const configYaml = this.#directory.readConfig();
    return { configYaml, baseDirectory: this.#record.baseDirectory, goalChanges: this.#goals.changes };
  }

  /** Completes the run with the given state, which is on disk when this resolves. */
  async completeWith(state: TrainingState, training: TrainingContext): Promise<void> {
    this.#status.change('begin', '');
    try {
      await this.#history.write(training, state, undefined);
      await this.findCheckpoint();
    } catch (error) {
      this.#status.change('fail', messageOf(error));
      throw error;
    }
    this.#status.change('succeed', '');
  }

  /** Finds the newest checkpoint of a run that an earlier process left. */
  findCheckpoint(): Promise<void> {
    return this.#history.find();
  }

  /**
   * Publishes events that an earlier process did not get to: it wrote the file but ended before it published the event.
   *
   * @param record as that process left it
   */
  publishMissedEvents(record: RunRecord): void {
    const { checkpoint, storedSha256: sha256 } = this.#history;
    publishMissed(this.#events, {
      record,
      steps: this.#history.steps,
      goalChanges: this.#goals.changes,
      checkpoint: checkpoint && { ...checkpoint, sha256 },
    });
  }

  /** Whether the run is paused and the coordinator will resume it without a user. */
  get continues(): boolean {
    return this.#continuation.isPlanned;
  }

  /** Moves a run that was active when its coordinator ended to its next state. A user's pending request takes precedence. */
  interrupted(): void {
    const { requested, ingredients } = this.#record;
    if (requested !== undefined) return this.#status.change(requested.transition, requested.reason);
    if (ingredients !== undefined) {
      return this.#status.change('fail', 'the coordinator ended while it averaged the runs; average them again');
    }
    this.#continuation.interrupted();
  }

  /** Starts training a new run, whose record is already on disk. Returns immediately. */
  start(training: TrainingContext): void {
    const loop = new TrainingLoop(this.#loopContext, training, initialState(this.config, training.initial));
    this.#loop.start(loop);
    this.#launch(loop);
  }

  /**
   * Resumes the run from its last checkpoint, or from the start if there is none. Does nothing if the run is active.
   *
   * @throws RpcError FAILED_PRECONDITION in a state that cannot be resumed
   * @throws UserError for an invalid checkpoint or model, or changed files; the run has then failed. For a reward service that
   *   does not answer; the run is then paused. Also if DATA_DIR cannot be written; the run then stays as it is.
   */
  async resume(by: Resumption): Promise<void> {
    if (isActive(this.#record.state) && this.#stopRequest === undefined) return;
    this.#status.refuseUnless('resume');
    if (this.#record.ingredients !== undefined) {
      throw new RpcError(
        'FAILED_PRECONDITION',
        `run ${this.id} is an average of runs and has no steps: average the runs again instead`,
      );
    }
    await this.#resume({ attempts: undefined }, by);
  }

  /** Resumes the run if an earlier coordinator left it to be continued. The run's state shows the outcome. */
  async continue(): Promise<void> {
    if (!this.continues) return;
    try {
      await this.#resume({});
    } catch (error) {
      this.#logResumption(error);
      // The resumption could not be written.
      if (this.continues && !this.#continuation.isWaiting) {
        this.#continuation.wait(diskFaultOf(error, this.#directory.path));
      }
    }
  }

  async #resumeAfterFault(attempts: Attempts): Promise<void> {
    try {
      await this.#resume({ attempts });
    } catch (error) {
      this.#logResumption(error);
      throw error;
    }
  }

  /** Expected errors are warnings: the run's reason already has the message. */
  #logResumption(error: unknown): void {
    const message = `run ${this.id} could not be resumed: ${messageOf(error)}`;
    if (isExpected(error)) this.#platform.log.warn({ run: this.id }, message);
    else this.#platform.log.error({ run: this.id, error }, message);
  }

  async #resume(changes: Partial<RunRecord>, by?: Resumption): Promise<void> {
    this.#status.change('resume', '', changes);
    this.#abort = new AbortController();
    const resuming = this.#restart(by);
    // Calls that stop the run meanwhile wait for this as well.
    this.#training = resuming.then(
      () => this.#training,
      () => undefined,
    );
    await resuming;
  }

  async #restart(by: Resumption | undefined): Promise<void> {
    let restored: RestoredLoop;
    try {
      restored = await this.#loop.restore(by?.acceptChangedInputs);
      this.#checkInputs(restored, by);
      if (needsRewards(this.config)) {
        await describeRewardsOrPause(restored.loop.context.objectives, this.#abort.signal);
      }
      const report = this.#history.rewindTo(restored.content);
      this.samples.rewindTo(this.#stepsTaken);
      if (report !== undefined) {
        this.#feed.step(report);
        this.#events.step(report);
      }
    } catch (error) {
      this.#end((this.#stopIsForced ? this.#stopRequest : undefined) ?? this.#endingOf(error));
      throw error instanceof PauseNeeded ? new UserError(this.#record.reason, { cause: error }) : error;
    }
    this.#status.set({ resumptions: this.#record.resumptions + 1 });
    this.#events.resumed(this.#record.resumptions);
    const refused = restored.content?.refused ?? '';
    if (refused !== '') this.#platform.log.warn({ run: this.id }, refused);
    this.#launch(restored.loop, refused);
  }

  /** @throws UserError as {@link inputsToAccept}; the next resumption reads the files again */
  #checkInputs(restored: RestoredLoop, by: Resumption | undefined): void {
    const place = { step: this.#stepsTaken, checkpoint: this.#history.checkpoint?.directory ?? '' };
    try {
      const acceptedInputs = inputsToAccept(restored, this.#record, by, place);
      if (acceptedInputs.length > 0) this.#status.set({ acceptedInputs });
    } catch (error) {
      this.#loop.release();
      throw error;
    }
  }

  /**
   * Changes the preference from the next step on. The change is on disk and published when this returns.
   *
   * @throws RpcError as {@link RunGoals.setPreference}
   */
  setPreference(preference: Readonly<Record<string, number>>, author: string): GoalChange {
    const change = this.#goals.setPreference(this.#position, preference, author);
    this.#feed.state(this.snapshot());
    return change;
  }

  /**
   * Adds and removes objectives from the next step on. The change is on disk and published when this resolves.
   *
   * @throws RpcError, UserError as {@link RunGoals.changeObjectives}
   */
  async changeObjectives(request: ObjectivesRequest, author: string): Promise<ObjectivesAnswer> {
    const answer = await this.#goals.changeObjectives(() => this.#position, request, author);
    if (answer.changed) this.#feed.state(this.snapshot());
    return answer;
  }

  get #stepsTaken(): number {
    return this.#history.last?.step ?? 0;
  }

  /** The first step whose goals can still change. */
  get #nextStep(): number {
    return this.#loop.current?.nextStep ?? (this.#history.checkpoint?.step ?? 0) + 1;
  }

  get #position(): RunPosition {
    const { state } = this.#record;
    const ended = hasEnded(state) && state !== RunState.RUN_STATE_FAILED ? stateWord(state) : undefined;
    return { step: this.#nextStep, ended };
  }

  /** Stops after the step in progress. A paused run that the coordinator would resume stays paused. */
  pause(reason: string): void {
    if (this.continues) return this.#status.change('hold', reason);
    this.#status.refuseUnless('pause');
    if (this.#stopRequest === undefined) this.#request({ transition: 'pause', reason });
  }

  /** Cancels the run and the step in progress. */
  async cancel(): Promise<void> {
    this.#status.refuseUnless('cancel');
    const reason = 'cancelled by a user';
    if (!isActive(this.#record.state)) return this.#status.change('cancel', reason);
    this.#request({ transition: 'cancel', reason });
    this.#abort.abort(new RpcError('CANCELLED', 'the run was cancelled'));
    await this.#training;
  }

  #request(request: StopRequest): void {
    this.#stopRequest = request;
    this.#status.request(request);
  }

  /**
   * Pauses an active run because the process ends; the next coordinator resumes it. A step that exceeds the grace period is
   * aborted.
   */
  async stop(graceMs: number): Promise<void> {
    this.#ending = true;
    this.#continuation.end();
    if (isActive(this.#record.state)) {
      this.#stopRequest ??= { transition: 'pause', reason: 'coordinator stopped', continues: true };
      const reason = new RpcError('CANCELLED', 'the coordinator is stopping');
      const timer = setTimeout(() => this.#abort.abort(reason), graceMs);
      await this.#training;
      clearTimeout(timer);
    }
    this.#loop.current?.training.rewards.close();
    this.audit.close();
    await this.#events.close();
  }

  /** Yields the run, the reports of steps after the given one, then all changes until the run has ended. */
  async *watch(afterStep: number, signal: AbortSignal): AsyncGenerator<WatchRunResponseInput, void, undefined> {
    const following = this.#feed.follow(() => hasEnded(this.#record.state), signal);
    // Starts following before the snapshot, so that no change is missed.
    const first = following.next();
    const past = this.#history.steps.after(afterStep);
    yield { run: this.snapshot() };
    for (const step of past) yield { step };
    for (let next = await first; next.done !== true; next = await following.next()) {
      if (next.value.step && Number(next.value.step.step) <= afterStep) continue;
      yield next.value;
    }
  }

  /**
   * Keeps the run's training loop in memory until it is released. Reads it from disk if it is not there.
   *
   * @throws UserError if a file or service is not valid
   */
  hold(): Promise<HeldLoop> {
    return this.#loop.hold();
  }

  #read(known: TrainingContext | undefined, acceptChangedInputs: boolean): Promise<RestoredLoop> {
    const nextStep = this.#nextStep;
    const source = { context: this.#loopContext, record: this.#record, known, nextStep, acceptChangedInputs };
    return readLoop(source, this.#abort.signal);
  }

  get #loopContext(): LoopContext {
    return {
      runId: this.id,
      config: this.config,
      platform: this.#platform,
      history: this.#history,
      goals: this.#goals,
      events: this.#events,
      feed: this.#feed,
      metrics: this.#metrics,
      samples: this.samples,
    };
  }

  /** @param notice what users should know about the start, such as a damaged checkpoint that was skipped */
  #launch(loop: TrainingLoop, notice = ''): void {
    this.#abort = new AbortController();
    this.#training = this.#train(loop, notice);
  }

  async #train(loop: TrainingLoop, notice: string): Promise<void> {
    this.#status.change('begin', notice);
    const { signal } = this.#abort;
    const session = { key: this.key, signal, stopping: () => this.#stopRequest !== undefined };
    const ending = await loop.train(session).then(
      () => endingWithout(loop, this.#stopRequest),
      (error: unknown) => (this.#stopIsForced ? endingWithout(loop, this.#stopRequest) : this.#endingOf(error)),
    );
    this.#end(ending);
  }

  /** Whether a step was aborted because the run was cancelled or the process is shutting down. */
  get #stopIsForced(): boolean {
    return this.#stopRequest !== undefined && this.#abort.signal.aborted;
  }

  #endingOf(error: unknown): Ending {
    return endingWith(error, { path: this.#directory.path, id: this.id }, this.#platform.log);
  }

  /** Makes the transition that ends training. After a fault, the run waits until the fault is over. */
  #end({ transition, reason, fault, continues }: Ending): void {
    if (fault !== undefined) this.#continuation.pause(fault, reason, !this.#ending);
    // The coordinator stopped the run on purpose, so the run is not what made an earlier coordinator crash.
    else this.#status.change(transition, reason, { ...(continues && { continues, attempts: undefined }) });
    // The abort of this training must not abort a later evaluation.
    this.#abort = new AbortController();
    this.#loop.retire();
  }
}
