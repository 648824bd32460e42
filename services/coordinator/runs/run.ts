/** One run: its life from the first step to the last, with pauses, failures and resumptions in between. */
import { setMaxListeners } from 'node:events';
import type { RunConfig } from '@gapo/config';
import { isActive, RpcError, RunState, stateWord, type RunInput, type WatchRunResponseInput } from '@gapo/rpc';
import { configSha256, isExpected } from '@gapo/service';
import { describeRewards, needsRewards } from '../scoring/rewardServices.js';
import type { CheckpointContent } from '../state/checkpoint.js';
import type { GoalChange } from '../state/goals.js';
import { PauseNeeded } from '../state/interruption.js';
import type { ObjectivesRequest } from '../state/objectiveChanges.js';
import { initialState, type TrainingState } from '../state/trainingState.js';
import type { VersionStore } from '../state/versions.js';
import { prepareTraining, type TrainingContext } from '../step/context/trainingContext.js';
import { RunEvents } from './events.js';
import { RunFeed } from './feed.js';
import { hasEnded, targetOf, type Transition } from './lifecycle.js';
import type { Platform } from './platform.js';
import { versionKey, type RunDirectory, type RunRecord } from './runDirectory.js';
import { RunGoals, type RunPosition, type ObjectivesAnswer } from './runGoals.js';
import { RunHistory } from './runHistory.js';
import { TrainingLoop, type LoopParts } from './trainingLoop.js';

/** What a run is made from. */
export interface RunParts {
  readonly platform: Platform;
  readonly directory: RunDirectory;
  readonly record: RunRecord;
  readonly config: RunConfig;
}

/** Why the steps stop before the last, where somebody wants it so. */
interface Intent {
  readonly transition: 'pause' | 'cancel';
  readonly reason: string;
}

/** A loop as it was read from disk. */
interface Restored {
  readonly loop: TrainingLoop;
  /** The checkpoint that it starts from; undefined where there is none. */
  readonly content: CheckpointContent | undefined;
}

/** A run. */
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
  /** Undefined in a run that has not been started, resumed or evaluated since the process began. */
  #loop: TrainingLoop | undefined;
  #restoring: Promise<Restored> | undefined;
  #intent: Intent | undefined;
  #abort = new AbortController();
  /** The stretch in progress, or the last one. */
  #stretch: Promise<void> = Promise.resolve();

  constructor({ platform, directory, record, config }: RunParts) {
    this.config = config;
    this.#platform = platform;
    this.#directory = directory;
    this.#record = record;
    this.#configSha256 = configSha256(config);
    this.#history = new RunHistory(config, record.id, directory);
    this.#events = new RunEvents(platform.bus, record.id, record.resumptions);
    this.#goals = new RunGoals({ config, runId: record.id, directory, platform, events: this.#events });
  }

  get id(): string {
    return this.#record.id;
  }

  get created(): Date {
    return new Date(this.#record.created);
  }

  /** The key of the run's versions, in this stretch of its life. */
  get key(): string {
    return versionKey(this.#record);
  }

  /** The versions in memory; undefined in a run that has not been active since the process started. */
  get versions(): VersionStore | undefined {
    return this.#loop?.versions;
  }

  /** The run as others see it. */
  snapshot(): RunInput {
    const { id, state, reason } = this.#record;
    const { last, checkpoint, storedSha256 } = this.#history;
    const goals = this.#goals.at(this.#nextStep);
    const milliseconds = this.created.getTime();
    const pausing = isActive(state) && this.#intent !== undefined;
    return {
      id,
      state,
      reason: pausing ? `${this.#intent?.transition ?? 'pause'} asked for: ends after the step in progress` : reason,
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
      ...(last && { lastStep: last, traceId: last.traceId }),
    };
  }

  /** Its configuration as it was given, where that one's relative paths start, and what people changed since. */
  get source(): { configYaml: string; baseDirectory: string; goalChanges: readonly GoalChange[] } {
    const configYaml = this.#directory.readConfig();
    return { configYaml, baseDirectory: this.#record.baseDirectory, goalChanges: this.#goals.changes };
  }

  /** Takes up a state that was made elsewhere as its last: on disk when this returns. */
  async endAt(state: TrainingState, training: TrainingContext): Promise<void> {
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

  /** Finds the newest checkpoint of a run that another process left. */
  findCheckpoint(): Promise<void> {
    return this.#history.find();
  }

  /** Publishes that the run was found active without a process that led it; its record says so already. */
  announceInterruption(): void {
    const { changes, state, reason } = this.#record;
    this.#events.state(changes, { from: RunState.RUN_STATE_RUNNING, to: state, reason });
    this.#platform.log.warn({ run: this.id, step: this.#history.last?.step ?? 0 }, `run ${this.id}: ${reason}`);
  }

  /** Starts a new run, whose record is on disk already. Returns at once. */
  start(training: TrainingContext): void {
    this.#loop = new TrainingLoop(this.#loopParts, training, initialState(this.config, training.initial));
    this.#launch(this.#loop);
  }

  /**
   * Goes on from the last checkpoint, or from the beginning where there is none.
   *
   * @throws RpcError FAILED_PRECONDITION in a state that it cannot be resumed from
   * @throws UserError where the checkpoint, the model or a reward service is not as it should be; the run has then failed
   */
  async resume(): Promise<void> {
    this.#refuseUnless('resume');
    if (this.#record.ingredients !== undefined) throw averageHasNoSteps(this.id);
    this.#change('resume', '');
    const resuming = this.#goOn();
    // Whoever ends the run meanwhile waits for this too.
    this.#stretch = resuming.then(
      () => this.#stretch,
      () => undefined,
    );
    await resuming;
  }

  async #goOn(): Promise<void> {
    let restored: Restored;
    try {
      restored = await this.#restore();
      if (needsRewards(this.config)) await describeRewards(restored.loop.context.objectives);
      this.#history.goBackTo(restored.content);
    } catch (error) {
      this.#change('fail', messageOf(error));
      throw error;
    }
    this.#record = { ...this.#record, resumptions: this.#record.resumptions + 1 };
    this.#events.resumed(this.#record.resumptions);
    this.#launch(restored.loop);
  }

  /**
   * Changes the preference from the next step on: the change is on disk when this returns, and has been published.
   *
   * @throws RpcError as {@link RunGoals.setPreference}
   */
  setPreference(preference: Readonly<Record<string, number>>, author: string): GoalChange {
    const change = this.#goals.setPreference(this.#position, preference, author);
    this.#feed.state(this.snapshot());
    return change;
  }

  /**
   * Adds objectives and removes others from the next step on, as {@link setPreference}.
   *
   * @throws RpcError, UserError as {@link RunGoals.changeObjectives}
   */
  async changeObjectives(request: ObjectivesRequest, author: string): Promise<ObjectivesAnswer> {
    const answer = await this.#goals.changeObjectives(() => this.#position, request, author);
    if (answer.changed) this.#feed.state(this.snapshot());
    return answer;
  }

  /** The first step whose goals can still be changed. */
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
    this.#intent ??= { transition: 'pause', reason };
  }

  /** Ends the run for good; the step in progress is given up. */
  async cancel(): Promise<void> {
    this.#refuseUnless('cancel');
    const reason = 'cancelled by a person';
    if (!isActive(this.#record.state)) return this.#change('cancel', reason);
    this.#intent = { transition: 'cancel', reason };
    this.#abort.abort(new RpcError('CANCELLED', 'the run was cancelled'));
    await this.#stretch;
  }

  /** Pauses an active run because the process ends: the step in progress has the grace time, then is given up. */
  async stop(graceMs: number): Promise<void> {
    if (isActive(this.#record.state)) {
      this.#intent ??= { transition: 'pause', reason: 'coordinator stopped' };
      const timer = setTimeout(() => this.#abort.abort(new RpcError('CANCELLED', 'the coordinator stops')), graceMs);
      await this.#stretch;
      clearTimeout(timer);
    }
    this.#loop?.training.rewards.close();
  }

  /** The state, the steps after the given one, then whatever happens, until the run has ended. */
  async *watch(afterStep: number, signal: AbortSignal): AsyncGenerator<WatchRunResponseInput, void, undefined> {
    const past = this.#history.after(afterStep);
    const following = this.#feed.follow(() => hasEnded(this.#record.state), signal);
    // Its first step, taken here, sets where it begins: nothing that happens meanwhile is missed.
    const first = following.next();
    yield { run: this.snapshot() };
    for (const step of past) yield { step };
    for (let next = await first; next.done !== true; next = await following.next()) {
      if (next.value.step && Number(next.value.step.step) <= afterStep) continue;
      yield next.value;
    }
  }

  /**
   * Returns the run's training in memory; a run of an earlier process is read from disk first.
   *
   * @throws UserError where a file or service is not valid
   */
  async loaded(): Promise<TrainingLoop> {
    return this.#loop ?? (await this.#restore()).loop;
  }

  /** Reads the state of the last checkpoint, or the start where there is none. Concurrent callers share one reading. */
  #restore(): Promise<Restored> {
    return (this.#restoring ??= this.#read().finally(() => (this.#restoring = undefined)));
  }

  async #read(): Promise<Restored> {
    const known = this.#loop?.training;
    const goals = this.#goals.configAt(this.#nextStep);
    const training = known ?? (await prepareTraining(goals, this.#record.baseDirectory, this.#platform));
    try {
      const content = await this.#history.read(training);
      const state = content?.state ?? initialState(this.config, training.initial);
      this.#goals.assertHas(state);
      return { loop: (this.#loop = new TrainingLoop(this.#loopParts, training, state)), content };
    } catch (error) {
      if (known === undefined) training.rewards.close();
      throw error;
    }
  }

  get #loopParts(): LoopParts {
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
    setMaxListeners(0, this.#abort.signal); // every piece of work listens
    this.#stretch = this.#train(loop);
  }

  async #train(loop: TrainingLoop): Promise<void> {
    this.#change('begin', '');
    const { signal } = this.#abort;
    const stretch = { key: this.key, signal, stopping: () => this.#intent !== undefined };
    const [transition, reason] = await loop.train(stretch).then(
      () => this.#outcome(loop),
      (error: unknown) => this.#outcomeOf(error, loop),
    );
    this.#change(transition, reason);
  }

  /** The end of a stretch whose steps succeeded. */
  #outcome(loop: TrainingLoop): readonly [Transition, string] {
    if (loop.isComplete) return ['succeed', ''];
    const intent = this.#intent ?? { transition: 'fail', reason: 'it stopped without a reason' };
    return [intent.transition, intent.reason];
  }

  /** The end of a stretch by an error. */
  #outcomeOf(error: unknown, loop: TrainingLoop): readonly [Transition, string] {
    const cancelled = this.#intent !== undefined && this.#abort.signal.aborted;
    if (cancelled) return this.#outcome(loop);
    if (error instanceof PauseNeeded) return ['pause', error.message];
    if (!isExpected(error) && !(error instanceof RpcError)) {
      this.#platform.log.error({ run: this.id, error }, 'a step failed');
    }
    return ['fail', messageOf(error)];
  }

  #refuseUnless(transition: Transition): void {
    if (targetOf(transition, this.#record.state) !== undefined) return;
    const { state } = this.#record;
    const left = (['pause', 'resume', 'cancel'] as const).filter((other) => targetOf(other, state) !== undefined);
    const instead = left.length === 0 ? 'it has ended for good' : `it can be asked to ${left.join(' or ')}`;
    throw new RpcError(
      'FAILED_PRECONDITION',
      `run ${this.id} cannot ${transition}, as its state is ${stateWord(state)}: ${instead}`,
    );
  }

  /** Makes a transition: on disk first, then in the log, to the watchers and on the bus. */
  #change(transition: Transition, reason: string): void {
    const from: RunState = this.#record.state;
    const to = targetOf(transition, from);
    if (to === undefined) throw new RangeError(`run ${this.id}: no ${transition} from ${from}`);
    if (!isActive(to)) this.#intent = undefined;
    this.#record = { ...this.#record, state: to, reason, changes: this.#record.changes + 1 };
    try {
      this.#directory.writeRecord(this.#record);
    } catch (error) {
      // The run is in its new state all the same; a restarted coordinator will find it in the old one.
      this.#platform.log.error({ run: this.id, error }, 'the change of state could not be written');
    }
    this.#platform.log.info(
      { run: this.id, transition, reason },
      `run ${this.id}: ${stateWord(from)} to ${stateWord(to)}`,
    );
    this.#feed.state(this.snapshot());
    this.#events.state(this.#record.changes, { from, to, reason });
  }
}

/** The error of an average of runs that is asked to take steps. */
function averageHasNoSteps(id: string): RpcError {
  return new RpcError(
    'FAILED_PRECONDITION',
    `run ${id} is an average of runs and has no steps: average the runs again instead`,
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
