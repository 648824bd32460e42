/** A run: its state, and the transitions between pauses, failures and resumptions. */
import { setMaxListeners } from 'node:events';
import type { RunConfig } from '@gapo/config';
import type { Outbox } from '@gapo/events';
import { isActive, RpcError, RunState, stateWord, type RunInput, type WatchRunResponseInput } from '@gapo/rpc';
import { configSha256, isExpected } from '@gapo/service';
import { describeRewards, needsRewards } from '../scoring/rewardServices.js';
import type { CheckpointContent } from '../state/checkpoint.js';
import type { GoalChange } from '../state/goals.js';
import { PauseNeeded } from '../state/interruption.js';
import type { ObjectivesRequest } from '../state/objectiveChanges.js';
import { assertSameInputs } from '../state/runInputs.js';
import { initialState, type TrainingState } from '../state/trainingState.js';
import type { VersionStore } from '../state/versions.js';
import { prepareTraining, type TrainingContext } from '../step/context/trainingContext.js';
import { RunEvents } from './events.js';
import { RunFeed } from './feed.js';
import { hasEnded, targetOf, type Transition } from './lifecycle.js';
import { publishMissed } from './missedEvents.js';
import type { Platform } from './platform.js';
import { versionKey, type RunDirectory, type RunRecord } from './runDirectory.js';
import { RunGoals, type RunPosition, type ObjectivesAnswer } from './runGoals.js';
import { RunHistory } from './runHistory.js';
import { TrainingLoop, type LoopContext } from './trainingLoop.js';

/** Constructor arguments of a {@link Run}. */
export interface RunOptions {
  readonly platform: Platform;
  readonly directory: RunDirectory;
  readonly record: RunRecord;
  readonly config: RunConfig;
}

/** A request to stop before the last step. */
interface StopRequest {
  readonly transition: 'pause' | 'cancel';
  readonly reason: string;
}

/** A training loop that was read from disk. */
interface Restored {
  readonly loop: TrainingLoop;
  /** The checkpoint that it starts from; undefined if there is none. */
  readonly content: CheckpointContent | undefined;
}

export class Run {
  readonly config: RunConfig;
  readonly #platform: Platform;
  readonly #directory: RunDirectory;
  readonly #feed = new RunFeed();
  readonly #events: RunEvents;
  readonly #configSha256: string;
  readonly #history: RunHistory;
  readonly #goals: RunGoals;
  #record: RunRecord;
  /** Undefined unless the run was started, resumed or evaluated by this process. */
  #loop: TrainingLoop | undefined;
  #restoring: Promise<Restored> | undefined;
  #stopRequest: StopRequest | undefined;
  #abort = new AbortController();
  /** Settles when the training in progress has stopped. */
  #training: Promise<void> = Promise.resolve();

  constructor({ platform, directory, record, config }: RunOptions) {
    this.config = config;
    this.#platform = platform;
    this.#directory = directory;
    this.#record = record;
    this.#configSha256 = configSha256(config);
    this.#history = new RunHistory(config, record.id, directory);
    this.#events = new RunEvents(openOutbox(platform, directory), record.resumptions);
    this.#goals = new RunGoals({ config, runId: record.id, directory, platform, events: this.#events });
  }

  get id(): string {
    return this.#record.id;
  }

  get created(): Date {
    return new Date(this.#record.created);
  }

  /** The key by which workers fetch the run's versions; changes with each resumption. */
  get key(): string {
    return versionKey(this.#record);
  }

  /** The versions in memory; undefined unless the run was started, resumed or evaluated by this process. */
  get versions(): VersionStore | undefined {
    return this.#loop?.versions;
  }

  /** Returns the run as a message. */
  snapshot(): RunInput {
    const { id, state, reason } = this.#record;
    const { last, checkpoint, storedSha256 } = this.#history;
    const goals = this.#goals.at(this.#nextStep);
    const milliseconds = this.created.getTime();
    const requested = isActive(state) ? this.#stopRequest?.transition : undefined;
    return {
      id,
      state,
      reason: requested ? `${requested} requested: stops after the step in progress` : reason,
      step: last?.step ?? (this.#record.ingredients ? this.config.steps : 0),
      totalSteps: this.config.steps,
      objectives: goals.objectives.map(({ name }) => name),
      method: this.config.combine.method,
      created: { seconds: Math.floor(milliseconds / 1000), nanos: (milliseconds % 1000) * 1e6 },
      configSha256: this.#configSha256,
      versionSha256: this.#loop?.sha256 ?? storedSha256,
      checkpoint: checkpoint?.directory ?? '',
      preference: goals.preference ?? {},
      ingredients: this.#record.ingredients ?? {},
      data: this.#record.data ?? [],
      ...(last && { lastStep: last, traceId: last.traceId }),
    };
  }

  /** The configuration as submitted, the directory that its relative paths refer to, and the changes of goals since. */
  get source(): { configYaml: string; baseDirectory: string; goalChanges: readonly GoalChange[] } {
    const configYaml = this.#directory.readConfig();
    return { configYaml, baseDirectory: this.#record.baseDirectory, goalChanges: this.#goals.changes };
  }

  /** Completes the run with a given state, which is on disk when this resolves. */
  async completeWith(state: TrainingState, training: TrainingContext): Promise<void> {
    this.#change('begin', '');
    try {
      await this.#history.write(training, state, undefined);
      await this.findCheckpoint();
    } catch (error) {
      this.#change('fail', messageOf(error));
      throw error;
    }
    this.#change('succeed', '');
  }

  /** Finds the newest checkpoint of a run that an earlier process left. */
  findCheckpoint(): Promise<void> {
    return this.#history.find();
  }

  /**
   * Publishes the events that an earlier process did not: it ended after it had written a file.
   *
   * @param record as that process left it
   */
  publishMissedEvents(record: RunRecord): void {
    const { checkpoint, storedSha256: sha256 } = this.#history;
    publishMissed(this.#events, {
      record,
      reports: this.#history.after(0),
      goalChanges: this.#goals.changes,
      checkpoint: checkpoint && { ...checkpoint, sha256 },
    });
  }

  /** Publishes that the run failed because its process ended; its record says so already. */
  announceInterruption(): void {
    const { changes, state, reason } = this.#record;
    this.#events.state(changes, { from: RunState.RUN_STATE_RUNNING, to: state, reason });
    this.#platform.log.warn({ run: this.id, step: this.#history.last?.step ?? 0 }, `run ${this.id}: ${reason}`);
  }

  /** Starts the training of a new run, whose record is already on disk. Returns immediately. */
  start(training: TrainingContext): void {
    this.#loop = new TrainingLoop(this.#loopContext, training, initialState(this.config, training.initial));
    this.#launch(this.#loop);
  }

  /**
   * Resumes the run from the last checkpoint, or from the start if there is none.
   *
   * @throws RpcError FAILED_PRECONDITION in a state that cannot be resumed
   * @throws UserError for an invalid checkpoint, model or reward service; the run has then failed. Also if DATA_DIR cannot be
   *   written; the run then stays as it is.
   */
  async resume(): Promise<void> {
    this.#refuseUnless('resume');
    if (this.#record.ingredients !== undefined) {
      throw new RpcError(
        'FAILED_PRECONDITION',
        `run ${this.id} is an average of runs and has no steps: average the runs again instead`,
      );
    }
    this.#change('resume', '');
    this.#abort = new AbortController();
    const resuming = this.#continue();
    // Calls that stop the run in the meantime wait for this too.
    this.#training = resuming.then(
      () => this.#training,
      () => undefined,
    );
    await resuming;
  }

  async #continue(): Promise<void> {
    let restored: Restored;
    try {
      restored = await this.#restore();
      this.#assertSameInputs(restored);
      if (needsRewards(this.config)) await describeRewards(restored.loop.context.objectives);
      this.#history.rewindTo(restored.content);
    } catch (error) {
      const stopped = this.#abort.signal.aborted ? this.#stopRequest : undefined;
      this.#change(stopped?.transition ?? 'fail', stopped?.reason ?? messageOf(error));
      throw error;
    }
    this.#record = { ...this.#record, resumptions: this.#record.resumptions + 1 };
    this.#events.resumed(this.#record.resumptions);
    this.#launch(restored.loop);
  }

  /** @throws UserError if files have changed since the checkpoint; the next resumption reads them again */
  #assertSameInputs({ loop, content }: Restored): void {
    try {
      if (content) assertSameInputs(content.inputs, loop.training.inputs, this.#history.checkpoint?.directory ?? '');
    } catch (error) {
      loop.training.rewards.close();
      this.#loop = undefined;
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

  /** The first step whose goals can still change. */
  get #nextStep(): number {
    return this.#loop?.nextStep ?? (this.#history.checkpoint?.step ?? 0) + 1;
  }

  get #position(): RunPosition {
    const { state } = this.#record;
    const ended = hasEnded(state) && state !== RunState.RUN_STATE_FAILED ? stateWord(state) : undefined;
    return { step: this.#nextStep, ended };
  }

  /** Stops after the step in progress. */
  pause(reason: string): void {
    this.#refuseUnless('pause');
    this.#stopRequest ??= { transition: 'pause', reason };
  }

  /** Cancels the run and the step in progress. */
  async cancel(): Promise<void> {
    this.#refuseUnless('cancel');
    const reason = 'cancelled by a user';
    if (!isActive(this.#record.state)) return this.#change('cancel', reason);
    this.#stopRequest = { transition: 'cancel', reason };
    this.#abort.abort(new RpcError('CANCELLED', 'the run was cancelled'));
    await this.#training;
  }

  /** Pauses an active run because the process ends. A step that exceeds the grace period is aborted. */
  async stop(graceMs: number): Promise<void> {
    if (isActive(this.#record.state)) {
      this.#stopRequest ??= { transition: 'pause', reason: 'coordinator stopped' };
      const reason = new RpcError('CANCELLED', 'the coordinator is stopping');
      const timer = setTimeout(() => this.#abort.abort(reason), graceMs);
      await this.#training;
      clearTimeout(timer);
    }
    this.#loop?.training.rewards.close();
    await this.#events.close();
  }

  /** Yields the run, the reports of steps after the given one, then all changes until the run has ended. */
  async *watch(afterStep: number, signal: AbortSignal): AsyncGenerator<WatchRunResponseInput, void, undefined> {
    const past = this.#history.after(afterStep);
    const following = this.#feed.follow(() => hasEnded(this.#record.state), signal);
    // Starts following before the snapshot, so that no change is missed.
    const first = following.next();
    yield { run: this.snapshot() };
    for (const step of past) yield { step };
    for (let next = await first; next.done !== true; next = await following.next()) {
      if (next.value.step && Number(next.value.step.step) <= afterStep) continue;
      yield next.value;
    }
  }

  /**
   * Returns the run's training loop. Reads it from disk for a run of an earlier process.
   *
   * @throws UserError if a file or service is not valid
   */
  async loaded(): Promise<TrainingLoop> {
    return this.#loop ?? (await this.#restore()).loop;
  }

  /** Reads the last checkpoint; without one, takes the initial state. Concurrent callers share one read. */
  #restore(): Promise<Restored> {
    return (this.#restoring ??= this.#read().finally(() => (this.#restoring = undefined)));
  }

  async #read(): Promise<Restored> {
    const known = this.#loop?.training;
    const goals = this.#goals.configAt(this.#nextStep);
    const { signal } = this.#abort;
    const { baseDirectory } = this.#record;
    const training = known ?? (await prepareTraining(goals, baseDirectory, this.#platform, this.created, signal));
    if (known === undefined) this.#warnOfChangedData(training);
    try {
      const content = await this.#history.read(training);
      const state = content?.state ?? initialState(this.config, training.initial);
      this.#goals.assertHas(state);
      return { loop: (this.#loop = new TrainingLoop(this.#loopContext, training, state)), content };
    } catch (error) {
      if (known === undefined) training.rewards.close();
      throw error;
    }
  }

  /** Warns if a file of data has other contents than when the run was created: its steps then draw other records. */
  #warnOfChangedData({ files }: TrainingContext): void {
    for (const { key, file, sha256 } of files) {
      const before = this.#record.data?.find((each) => each.key === key);
      if (before === undefined || before.sha256 === sha256) continue;
      this.#platform.log.warn({ run: this.id, file }, `data.${key} has changed since run ${this.id} was created`);
    }
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
    };
  }

  #launch(loop: TrainingLoop): void {
    this.#abort = new AbortController();
    setMaxListeners(0, this.#abort.signal); // every job listens
    this.#training = this.#train(loop);
  }

  async #train(loop: TrainingLoop): Promise<void> {
    this.#change('begin', '');
    const { signal } = this.#abort;
    const session = { key: this.key, signal, stopping: () => this.#stopRequest !== undefined };
    const [transition, reason] = await loop.train(session).then(
      () => this.#outcome(loop),
      (error: unknown) => this.#outcomeOf(error, loop),
    );
    this.#change(transition, reason);
  }

  /** Returns the transition after training stopped without an error. */
  #outcome(loop: TrainingLoop): readonly [Transition, string] {
    if (loop.isComplete) return ['succeed', ''];
    const { transition, reason } = this.#stopRequest ?? {
      transition: 'fail',
      reason: 'training stopped without a reason',
    };
    return [transition, reason];
  }

  /** Returns the transition after an error. */
  #outcomeOf(error: unknown, loop: TrainingLoop): readonly [Transition, string] {
    if (this.#stopRequest !== undefined && this.#abort.signal.aborted) return this.#outcome(loop);
    if (error instanceof PauseNeeded) return ['pause', error.message];
    if (!isExpected(error) && !(error instanceof RpcError)) {
      this.#platform.log.error({ run: this.id, error }, 'a step failed');
    }
    return ['fail', messageOf(error)];
  }

  #refuseUnless(transition: Transition): void {
    if (targetOf(transition, this.#record.state) !== undefined) return;
    const { state } = this.#record;
    const allowed = (['pause', 'resume', 'cancel'] as const).filter((other) => targetOf(other, state) !== undefined);
    const why = `its state is ${stateWord(state)}, which ${allowed.length === 0 ? 'is final' : `allows ${allowed.join(' or ')}`}`;
    throw new RpcError('FAILED_PRECONDITION', `run ${this.id} cannot ${transition}: ${why}`);
  }

  /**
   * Makes a transition and writes it to disk, then to the log, the watchers and the bus.
   *
   * @throws RangeError if the state does not allow it
   * @throws UserError if a resumption cannot be written; the run then stays as it is
   */
  #change(transition: Transition, reason: string): void {
    const from: RunState = this.#record.state;
    const to = targetOf(transition, from);
    if (to === undefined) throw new RangeError(`run ${this.id} cannot ${transition} in state ${from}`);
    const record = { ...this.#record, state: to, reason, changes: this.#record.changes + 1 };
    try {
      this.#directory.writeRecord(record);
    } catch (error) {
      if (transition === 'resume') throw error;
      // The run has its new state nevertheless; a restarted coordinator will find the old one.
      this.#platform.log.error({ run: this.id, error }, 'the change of state could not be written');
    }
    this.#record = record;
    if (!isActive(to)) this.#stopRequest = undefined;
    this.#platform.log.info(
      { run: this.id, transition, reason },
      `run ${this.id}: ${stateWord(from)} to ${stateWord(to)}`,
    );
    this.#feed.state(this.snapshot());
    this.#events.state(this.#record.changes, { from, to, reason });
  }
}

/** Opens the log of a run's events, from which the platform publishes them. */
function openOutbox({ bus }: Platform, directory: RunDirectory): Outbox {
  return bus.outbox(directory.id, { directory: directory.events, assertWritable: () => directory.assertWritable() });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
