/** One run: its life from the first step to the last, with pauses, failures and resumptions in between. */
import { setMaxListeners } from 'node:events';
import type { StepEvent } from '@gapo/events';
import { RpcError, RunState, type RunInput, type WatchRunResponseInput } from '@gapo/rpc';
import { configSha256 } from '@gapo/settings';
import { attributeNames, isExpected, ROOT_CONTEXT, spanNames, withSpan, type Span } from '@gapo/telemetry';
import {
  listCheckpoints,
  readCheckpoint,
  sha256OfCheckpoint,
  writeCheckpoint,
  type CheckpointContent,
  type CheckpointOwner,
  type CheckpointPlace,
} from './checkpoint.js';
import { RunEvents } from './events.js';
import { RunFeed } from './feed.js';
import { averageHasNoSteps, PauseNeeded } from './interruption.js';
import { hasEnded, isActive, stateWord, targetOf, type Transition } from './lifecycle.js';
import type { Platform } from '../platform.js';
import type { PreferenceChange } from './preferences.js';
import { RunPreferences } from './runPreferences.js';
import { objectiveNames, updatesPerStep, type RunConfig } from '../config/runConfig.js';
import { versionKey, type RunDirectory, type RunRecord } from './runDirectory.js';
import { completeReport } from '../step/stepReport.js';
import { takePairStep } from '../step/pairStep.js';
import { takeStep } from '../step/step.js';
import type { Phase } from '../step/stepContext.js';
import { initialState, versionOf, type TrainingState } from './trainingState.js';
import type { VersionStore } from './versions.js';
import {
  closeWorkbench,
  describeRewards,
  needsRewards,
  prepareWorkbench,
  startingVersions,
  type Workbench,
} from '../step/workbench.js';

/** Steps whose mean time the estimate of the time left is made from. */
const RECENT_STEPS = 10;

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
  readonly bench: Workbench;
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
  #record: RunRecord;
  #reports: StepEvent[];
  readonly #preferences: RunPreferences;
  /** The step in progress. */
  #underWay: number | undefined;
  #bench: Workbench | undefined;
  #preparing: Promise<Workbench> | undefined;
  #state: TrainingState | undefined;
  #versions: VersionStore | undefined;
  #checkpoint: CheckpointPlace | undefined;
  /** Of the newest version of a run that another process left, until its tensors are read. */
  #storedSha256 = '';
  #intent: Intent | undefined;
  #abort = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor({ platform, directory, record, config }: RunParts) {
    this.config = config;
    this.#platform = platform;
    this.#directory = directory;
    this.#record = record;
    this.#configSha256 = configSha256(config);
    this.#reports = directory.readSteps();
    this.#preferences = new RunPreferences(config, record.id, directory);
    this.#events = new RunEvents(platform.bus, record.id, record.resumptions);
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
    const last = this.#reports.at(-1);
    const version = this.#state && this.#versions?.get(versionOf(this.#state));
    const milliseconds = this.created.getTime();
    const pausing = isActive(state) && this.#intent !== undefined;
    return {
      id,
      state,
      reason: pausing ? `${this.#intent?.transition ?? 'pause'} asked for: ends after the step in progress` : reason,
      step: last?.step ?? (this.#record.ingredients ? this.config.steps : 0),
      totalSteps: this.config.steps,
      objectives: objectiveNames(this.config),
      method: this.config.combine.method,
      created: { seconds: Math.floor(milliseconds / 1000), nanos: (milliseconds % 1000) * 1e6 },
      configSha256: this.#configSha256,
      versionSha256: version?.sha256 ?? this.#storedSha256,
      checkpoint: this.#checkpoint?.directory ?? '',
      preference: this.#preferences.inForce(this.#nextStep) ?? {},
      ingredients: this.#record.ingredients ?? {},
      ...(last && { lastStep: last, traceId: last.traceId }),
    };
  }

  /** Its configuration as it was given, and where that one's relative paths start. */
  get source(): { readonly configYaml: string; readonly baseDirectory: string } {
    return { configYaml: this.#directory.readConfig(), baseDirectory: this.#record.baseDirectory };
  }

  /** Takes up a state that was made elsewhere as its last: on disk when this returns. */
  async endAt(state: TrainingState, bench: Workbench): Promise<void> {
    this.#change('begin', '');
    try {
      const owner = this.#owner(bench);
      await writeCheckpoint(this.#directory.checkpoints, owner, state, undefined, this.config.checkpoints.keep);
      await this.findCheckpoint();
    } catch (error) {
      this.#change('fail', messageOf(error));
      throw error;
    }
    this.#change('succeed', '');
  }

  /** Finds the newest checkpoint of a run that another process left. */
  async findCheckpoint(): Promise<void> {
    this.#checkpoint = (await listCheckpoints(this.#directory.checkpoints)).at(-1);
    this.#storedSha256 = (this.#checkpoint && (await sha256OfCheckpoint(this.#checkpoint))) ?? '';
  }

  /** Publishes that the run was found active without a process that led it; its record says so already. */
  announceInterruption(): void {
    const { changes, state, reason } = this.#record;
    this.#events.state(changes, { from: RunState.RUN_STATE_RUNNING, to: state, reason });
    this.#platform.log.warn({ run: this.id, step: this.#reports.at(-1)?.step ?? 0 }, `run ${this.id}: ${reason}`);
  }

  /** Begins a new run; its state is on disk already. Returns at once. */
  start(bench: Workbench): void {
    this.#bench = bench;
    this.#versions = startingVersions(bench);
    this.#state = initialState(this.config, bench.initial);
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
      const bench = await this.#prepared();
      if (needsRewards(this.config)) await describeRewards(bench);
      this.#dropLaterReports(await this.#load(bench));
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
   * @throws RpcError as {@link RunPreferences.change}
   */
  setPreference(preference: Readonly<Record<string, number>>, author: string): PreferenceChange {
    const { state } = this.#record;
    const ended = hasEnded(state) && state !== RunState.RUN_STATE_FAILED ? stateWord(state) : undefined;
    const change = this.#preferences.change(this.#nextStep, preference, author, ended);
    this.#platform.log.info(
      { run: this.id, ...change },
      `run ${this.id}: another preference from step ${change.step} on, by ${author}`,
    );
    const { step, before, after } = change;
    this.#events.preference(this.#preferences.changes.length, { step, author, before, after });
    this.#feed.state(this.snapshot());
    return change;
  }

  /** The first step whose preference can still be changed. */
  get #nextStep(): number {
    return (this.#underWay ?? this.#state?.step ?? this.#checkpoint?.step ?? 0) + 1;
  }

  /** Stops after the step in progress. */
  pause(reason: string): void {
    this.#refuseUnless('pause');
    this.#intent ??= { transition: 'pause', reason };
  }

  /** Ends the run for good; the step in progress is given up. */
  async cancel(): Promise<void> {
    this.#refuseUnless('cancel');
    if (!isActive(this.#record.state)) return this.#change('cancel', 'cancelled');
    this.#intent = { transition: 'cancel', reason: 'cancelled' };
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
    if (this.#bench) closeWorkbench(this.#bench);
  }

  /** The state, the steps after the given one, then whatever happens, until the run has ended. */
  async *watch(afterStep: number, signal: AbortSignal): AsyncGenerator<WatchRunResponseInput, void, undefined> {
    const past = this.#reports.filter(({ step }) => step > afterStep);
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
    const bench = await this.#prepared();
    if (this.#versions === undefined || this.#state === undefined) await this.#load(bench);
    const { versions, key } = this;
    if (versions === undefined || this.#state === undefined) throw new RpcError('INTERNAL', 'the run has no versions');
    return { bench, versions, key, newest: versionOf(this.#state) };
  }

  /**
   * The parameters of a version that is in a checkpoint.
   *
   * @throws RpcError NOT_FOUND naming the versions that there are
   */
  async versionFromDisk(version: number): Promise<Float32Array> {
    const owner = this.#owner(await this.#prepared());
    const found: number[] = [];
    for (const place of await listCheckpoints(this.#directory.checkpoints)) {
      const stored = place.step * updatesPerStep(this.config);
      if (stored === version) return (await readCheckpoint(place, owner)).state.trained.parameters;
      found.push(stored);
    }
    const held = [...new Set([...(this.#versions?.list() ?? []), ...found])].sort((a, b) => a - b).join(', ');
    throw new RpcError('NOT_FOUND', `run ${this.id} no longer has version ${version}; it has ${held}`);
  }

  async #prepared(): Promise<Workbench> {
    if (this.#bench) return this.#bench;
    this.#preparing ??= prepareWorkbench(this.config, this.#record.baseDirectory, this.#platform);
    try {
      return (this.#bench = await this.#preparing);
    } finally {
      this.#preparing = undefined;
    }
  }

  #owner({ shapes, adapter }: Workbench): CheckpointOwner {
    return { runId: this.id, config: this.config, shapes, adapter };
  }

  /** Takes up the state of the last checkpoint, or the start where there is none. */
  async #load(bench: Workbench): Promise<CheckpointContent | undefined> {
    const place = (await listCheckpoints(this.#directory.checkpoints)).at(-1);
    const content = place && (await readCheckpoint(place, this.#owner(bench)));
    const state = content?.state ?? initialState(this.config, bench.initial);
    this.#preferences.assertHas(state);
    const versions = startingVersions(bench);
    versions.put(versionOf(state), state.trained.parameters);
    [this.#versions, this.#state, this.#checkpoint] = [versions, state, place];
    return content;
  }

  /** Steps after the checkpoint come again: their reports go. One that a crash kept from being written comes back. */
  #dropLaterReports(content: CheckpointContent | undefined): void {
    const step = content?.state.step ?? 0;
    const reports = this.#reports.filter((report) => report.step <= step);
    if (content?.report && reports.at(-1)?.step !== step) reports.push(content.report);
    if (reports.length === this.#reports.length) return;
    this.#directory.writeSteps(reports);
    this.#reports = reports;
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
      if (state.step > (this.#checkpoint?.step ?? 0)) await this.#writeCheckpoint(state, this.#reports.at(-1));
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
    const attributes = {
      [attributeNames.runId]: this.id,
      [attributeNames.step]: step,
      [attributeNames.method]: this.config.combine.method,
      [attributeNames.objectiveCount]: this.config.objectives.length,
    };
    const root = { parent: ROOT_CONTEXT };
    try {
      await withSpan(spanNames.step, attributes, (span) => this.#stepInSpan(before, step, span), root);
    } finally {
      this.#underWay = undefined;
    }
  }

  async #stepInSpan(before: TrainingState, step: number, span: Span): Promise<void> {
    const began = performance.now();
    const progress = (phase: Phase, done: number, total: number, waitingFor = ''): void =>
      this.#feed.progress({ step, phase, done, total, waitingFor });
    const { state, findings } = await (this.config.algorithm === 'dpo' ? takePairStep : takeStep)(before, {
      bench: this.#bench!,
      platform: this.#platform,
      versions: this.#versions!,
      key: this.key,
      signal: this.#abort.signal,
      preferences: this.#preferences.changes,
      observer: {
        progress,
        rollout: (event) => this.#events.rollout(event),
        reward: (event) => this.#events.reward(event),
        gradient: (update, event) => this.#events.gradient(update, event),
      },
    });
    const reportAt = (checkpointSeconds: number): StepEvent => {
      const times = { seconds: (performance.now() - began) / 1000, checkpointSeconds };
      const recent = this.#reports.slice(1 - RECENT_STEPS).map(({ seconds }) => seconds);
      return completeReport(findings, times, recent, this.config.steps - step);
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
    this.#reports.push(report);
    this.#directory.appendStep(report);
    this.#feed.step(report);
    this.#events.step(report);
    const rewards = report.objectives.map(({ name, rewardMean }) => `${name} ${rewardMean.toFixed(4)}`).join(', ');
    this.#platform.log.info(
      { run: this.id, step, seconds: report.seconds },
      `step ${step} of ${this.config.steps}: ${rewards}`,
    );
  }

  async #writeCheckpoint(state: TrainingState, report: StepEvent | undefined): Promise<void> {
    const { checkpoints } = this.#directory;
    const owner = this.#owner(this.#bench!);
    this.#checkpoint = await writeCheckpoint(checkpoints, owner, state, report, this.config.checkpoints.keep);
    const sha256 = this.#versions!.get(versionOf(state))?.sha256 ?? '';
    this.#events.checkpoint({ step: state.step, directory: this.#checkpoint.directory, sha256 });
  }

  #refuseUnless(transition: Transition): void {
    if (targetOf(transition, this.#record.state) !== undefined) return;
    const word = stateWord(this.#record.state);
    throw new RpcError('FAILED_PRECONDITION', `run ${this.id} is ${word}: a run in that state has no ${transition}`);
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
