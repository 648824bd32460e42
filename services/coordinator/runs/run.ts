/** One run: its life from the first step to the last, with pauses, failures and resumptions in between. */
import { setMaxListeners } from 'node:events';
import type { RunConfig } from '@gapo/config';
import {
  isActive,
  RpcError,
  RunState,
  stateWord,
  type RunInput,
  type StepReport,
  type WatchRunResponseInput,
} from '@gapo/rpc';
import { configSha256, isExpected } from '@gapo/service';
import { attributeNames, ROOT_CONTEXT, spanNames, withSpan, type Span } from '@gapo/tracing';
import { describeRewards, meetRewards, needsRewards } from '../scoring/rewardServices.js';
import type { CheckpointContent } from '../state/checkpoint.js';
import type { GoalChange } from '../state/goals.js';
import { PauseNeeded } from '../state/interruption.js';
import type { ObjectivesRequest } from '../state/objectiveChanges.js';
import { initialState, versionOf, type TrainingState } from '../state/trainingState.js';
import type { VersionStore } from '../state/versions.js';
import { stepContext, type Phase } from '../step/context/stepContext.js';
import {
  prepareTraining,
  startingVersions,
  trainingWith,
  type TrainingContext,
} from '../step/context/trainingContext.js';
import { completeReport } from '../step/stepReport.js';
import { takeStep } from '../step/takeStep.js';
import { RunEvents } from './events.js';
import { RunFeed } from './feed.js';
import { hasEnded, targetOf, type Transition } from './lifecycle.js';
import type { Platform } from './platform.js';
import { versionKey, type RunDirectory, type RunRecord } from './runDirectory.js';
import { RunGoals, type RunPosition, type ObjectivesAnswer } from './runGoals.js';
import { RunHistory } from './runHistory.js';

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

/** What an evaluation works with. */
export interface EvaluationBase {
  readonly training: TrainingContext;
  readonly versions: VersionStore;
  readonly key: string;
  readonly newest: number;
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
  /** The step in progress. */
  #underWay: number | undefined;
  #training: TrainingContext | undefined;
  #preparing: Promise<TrainingContext> | undefined;
  #state: TrainingState | undefined;
  #versions: VersionStore | undefined;
  #intent: Intent | undefined;
  #abort = new AbortController();
  #loop: Promise<void> = Promise.resolve();

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
    return this.#versions;
  }

  /** The run as others see it. */
  snapshot(): RunInput {
    const { id, state, reason } = this.#record;
    const { last, checkpoint, storedSha256 } = this.#history;
    const goals = this.#goals.at(this.#nextStep);
    const version = this.#state && this.#versions?.get(versionOf(this.#state));
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
      versionSha256: version?.sha256 ?? storedSha256,
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

  /** Begins a new run; its state is on disk already. Returns at once. */
  start(training: TrainingContext): void {
    this.#training = training;
    this.#versions = startingVersions(training);
    this.#state = initialState(this.config, training.initial);
    this.#launch();
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
    this.#loop = resuming.then(
      () => this.#loop,
      () => undefined,
    );
    await resuming;
  }

  async #goOn(): Promise<void> {
    try {
      const training = await this.#prepared();
      const content = await this.#load(training);
      if (needsRewards(this.config)) await describeRewards(this.#trainingOfNextStep(training).objectives);
      this.#history.goBackTo(content);
    } catch (error) {
      this.#change('fail', messageOf(error));
      throw error;
    }
    this.#record = { ...this.#record, resumptions: this.#record.resumptions + 1 };
    this.#events.resumed(this.#record.resumptions);
    this.#launch();
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
    return (this.#underWay ?? this.#state?.step ?? this.#history.checkpoint?.step ?? 0) + 1;
  }

  get #position(): RunPosition {
    const { state } = this.#record;
    const ended = hasEnded(state) && state !== RunState.RUN_STATE_FAILED ? stateWord(state) : undefined;
    return { step: this.#nextStep, ended };
  }

  #trainingOfNextStep(training: TrainingContext): TrainingContext {
    return trainingWith(training, this.#goals.configAt(this.#nextStep));
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
    await this.#loop;
  }

  /** Pauses an active run because the process ends: the step in progress has the grace time, then is given up. */
  async stop(graceMs: number): Promise<void> {
    if (isActive(this.#record.state)) {
      this.#intent ??= { transition: 'pause', reason: 'coordinator stopped' };
      const timer = setTimeout(() => this.#abort.abort(new RpcError('CANCELLED', 'the coordinator stops')), graceMs);
      await this.#loop;
      clearTimeout(timer);
    }
    this.#training?.rewards.close();
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
   * What an evaluation works with. A run of an earlier process is read from disk first.
   *
   * @throws UserError where a file or service is not as it should be
   */
  async evaluationBase(): Promise<EvaluationBase> {
    const training = await this.#prepared();
    if (this.#versions === undefined || this.#state === undefined) await this.#load(training);
    const { versions, key } = this;
    if (versions === undefined || this.#state === undefined) throw new RpcError('INTERNAL', 'the run has no versions');
    return { training: this.#trainingOfNextStep(training), versions, key, newest: versionOf(this.#state) };
  }

  /**
   * The parameters of a version that is in a checkpoint.
   *
   * @throws RpcError NOT_FOUND naming the versions that there are
   */
  async versionFromDisk(version: number): Promise<Float32Array> {
    const stored = await this.#history.versions();
    const place = stored.get(version);
    if (place !== undefined) return this.#history.parametersIn(place, await this.#prepared());
    const versions = new Set([...(this.#versions?.list() ?? []), ...stored.keys()]);
    const held = [...versions].sort((a, b) => a - b).join(', ');
    throw new RpcError('NOT_FOUND', `run ${this.id} has no version ${version}; it has ${held}`);
  }

  async #prepared(): Promise<TrainingContext> {
    if (this.#training) return this.#training;
    const config = this.#goals.configAt(this.#nextStep);
    this.#preparing ??= prepareTraining(config, this.#record.baseDirectory, this.#platform);
    try {
      return (this.#training = await this.#preparing);
    } finally {
      this.#preparing = undefined;
    }
  }

  /** Takes up the state of the last checkpoint, or the start where there is none. */
  async #load(training: TrainingContext): Promise<CheckpointContent | undefined> {
    const content = await this.#history.read(training);
    const state = content?.state ?? initialState(this.config, training.initial);
    this.#goals.assertHas(state);
    const versions = startingVersions(training);
    versions.put(versionOf(state), state.trained.parameters);
    [this.#versions, this.#state] = [versions, state];
    return content;
  }

  #launch(): void {
    this.#abort = new AbortController();
    setMaxListeners(0, this.#abort.signal); // every piece of work listens
    this.#loop = this.#train();
  }

  async #train(): Promise<void> {
    this.#change('begin', '');
    let failure: unknown;
    try {
      while (this.#state!.step < this.config.steps && this.#intent === undefined) await this.#step();
    } catch (error) {
      failure = error;
    }
    try {
      const state = this.#state!;
      if (state.step > (this.#history.checkpoint?.step ?? 0)) await this.#writeCheckpoint(state, this.#history.last);
    } catch (error) {
      failure ??= error;
    }
    const [transition, reason] = this.#outcome(failure);
    this.#change(transition, reason);
  }

  #outcome(failure: unknown): readonly [Transition, string] {
    const intent = this.#intent;
    const givenUp = intent !== undefined && this.#abort.signal.aborted;
    if (failure !== undefined && !givenUp) {
      if (failure instanceof PauseNeeded) return ['pause', failure.message];
      if (!isExpected(failure) && !(failure instanceof RpcError)) {
        this.#platform.log.error({ run: this.id, error: failure }, 'a step failed');
      }
      return ['fail', messageOf(failure)];
    }
    if (this.#state!.step >= this.config.steps) return ['succeed', ''];
    return intent === undefined ? ['fail', 'it stopped without a reason'] : [intent.transition, intent.reason];
  }

  async #step(): Promise<void> {
    const before = this.#state!;
    const step = before.step + 1;
    this.#underWay = step;
    const config = this.#goals.configAt(step);
    const attributes = {
      [attributeNames.runId]: this.id,
      [attributeNames.step]: step,
      [attributeNames.method]: config.combine.method,
      [attributeNames.objectiveCount]: config.objectives.length,
    };
    const root = { parent: ROOT_CONTEXT };
    try {
      await withSpan(spanNames.step, attributes, (span) => this.#stepInSpan(before, step, config, span), root);
    } finally {
      this.#underWay = undefined;
    }
  }

  /** @param config with the goals of the step */
  async #stepInSpan(before: TrainingState, step: number, config: RunConfig, span: Span): Promise<void> {
    const began = performance.now();
    const goalChanges = this.#goals.changes;
    const training = trainingWith(this.#training!, config);
    await meetRewards(training.rewards.of(this.#goals.addedAt(step)), this.#abort.signal);
    const progress = (phase: Phase, done: number, total: number, waitingFor = ''): void =>
      this.#feed.progress({ step, phase, done, total, waitingFor });
    const { state, findings } = await takeStep(
      stepContext({
        training,
        before,
        workers: this.#platform,
        versions: this.#versions!,
        key: this.key,
        signal: this.#abort.signal,
        goalChanges,
        observer: {
          progress,
          rollout: (event) => this.#events.rollout(event),
          reward: (event) => this.#events.reward(event),
          gradient: (update, event) => this.#events.gradient(update, event),
        },
      }),
    );
    const reportAt = (checkpointSeconds: number): StepReport => {
      const times = { seconds: (performance.now() - began) / 1000, checkpointSeconds };
      return completeReport(findings, times, this.#history.recentSeconds, this.config.steps - step);
    };
    const due = step % this.config.checkpoints.every === 0 || step === this.config.steps || this.#intent !== undefined;
    let checkpointSeconds = 0;
    if (due) {
      progress('checkpoint', 0, 1);
      const beganWriting = performance.now();
      // Its own report lies in the checkpoint too, should the process end before the line below is written.
      await withSpan(spanNames.stepCheckpoint, {}, () => this.#writeCheckpoint(state, reportAt(0)));
      checkpointSeconds = (performance.now() - beganWriting) / 1000;
      progress('checkpoint', 1, 1);
    }
    this.#state = state;
    const report = reportAt(checkpointSeconds);
    span.setAttributes({
      [attributeNames.tokens]: report.tokens,
      [attributeNames.kl]: report.kl,
      [attributeNames.stationarity]: report.stationarity,
      [attributeNames.policyVersion]: versionOf(state),
    });
    this.#history.append(report);
    this.#feed.step(report);
    this.#events.step(report);
    const rewards = report.objectives.map(({ name, rewardMean }) => `${name} ${rewardMean.toFixed(4)}`).join(', ');
    this.#platform.log.info(
      { run: this.id, step, seconds: report.seconds },
      `step ${step} of ${this.config.steps}: ${rewards}`,
    );
  }

  async #writeCheckpoint(state: TrainingState, report: StepReport | undefined): Promise<void> {
    const { directory } = await this.#history.write(this.#training!, state, report);
    const sha256 = this.#versions!.get(versionOf(state))?.sha256 ?? '';
    this.#events.checkpoint({ step: state.step, directory, sha256 });
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
