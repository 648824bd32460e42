/** Reconciles one TrainingRun: makes its run match the spec, and reports the run in the status. */
import { isActive, objectiveInput, retryDelayMs, RpcError, type Client, type Run, type RpcCode } from '@gapo/rpc';
import { canonicalJson, type Logger } from '@gapo/service';
import { changing, reasonOf } from '../kubernetes/calls.js';
import { trainingRunKind, type Cluster } from '../kubernetes/cluster.js';
import type { Follower } from '../kubernetes/followAll.js';
import { Passes } from '../kubernetes/passes.js';
import { isOlder } from '../resource/metadata.js';
import type { Status, TrainingRun } from '../resource/trainingRun.js';
import type { RewardRegistry } from '../rewards/registry.js';
import { authorOf, configYamlOf, runIdOf } from './identity.js';
import { resolved, rewardServicesOf } from './objectives.js';
import type { Problem } from './problem.js';
import { hasEnded, nextAction, statusOf, unobserved, type Action, type Observed } from './status.js';
import { eventsBetween } from './transitions.js';

/** What followers share. */
export interface FollowerContext {
  readonly cluster: Cluster;
  readonly training: Client<'gapo.training.v1.TrainingService'>;
  /** The coordinator's directory for relative paths in configurations. */
  readonly baseDirectory: string;
  /** Minimum time between status writes of a run that takes steps. */
  readonly statusMs: number;
  /** The reporter of events. */
  readonly identity: string;
  /** The RewardServices that runs may name; undefined if the operator serves none. */
  readonly registry: RewardRegistry | undefined;
  readonly log: Logger;
}

/** Keeps a TrainingRun from being deleted until its run has ended. */
export const finalizer = 'gapo.dev/cancel-run';

/** Deadline of calls that the coordinator answers from memory. */
const quickMs = 15_000;
/** Deadline of calls in which it reads models and data and calls reward services. */
const startMs = 1_200_000;
/** Time after which a run is checked again if there was no news of it. */
const resyncMs = 60_000;
/** A user may resume a failed run, and no watch reports that. */
const failedResyncMs = 15_000;

const unreachableRetry = { baseDelayMs: 1000, maxDelayMs: 15_000 };
const refusedRetry = { baseDelayMs: 2000, maxDelayMs: 120_000 };

/** Codes that mean that the coordinator cannot be reached now; they say nothing about the request. */
const unreachableCodes: ReadonlySet<RpcCode> = new Set<RpcCode>([
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'CANCELLED',
  'UNAUTHENTICATED',
  'UNKNOWN',
  'INTERNAL',
]);

/** Follows one TrainingRun until it is gone. */
export class RunFollower implements Follower<TrainingRun> {
  readonly #context: FollowerContext;
  readonly #runId: string;
  readonly #ending = new AbortController();
  readonly #following: Promise<void>;
  readonly #ignoreRewards: () => void;
  #resource: TrainingRun;
  #observed: Observed;
  readonly #passes = new Passes();
  /** Ends the watch of the run; undefined if there is none. */
  #watch: AbortController | undefined;
  /** Number of consecutive failures of, or refusals by, the coordinator. */
  #failures = 0;
  #refusals = 0;
  /** The time before which a refused request is not repeated. */
  #actionsFrom = 0;
  #isGone = false;

  constructor(context: FollowerContext, resource: TrainingRun) {
    this.#context = context;
    this.#resource = resource;
    this.#runId = runIdOf(resource);
    this.#observed = unobserved(this.#runId);
    this.#ignoreRewards = context.registry?.onChange(() => this.#onRewards()) ?? (() => undefined);
    this.#following = this.#follow();
  }

  /** Takes a newer version of the resource. */
  offer(resource: TrainingRun): void {
    if (isOlder(resource, this.#resource)) return;
    this.#take(resource);
    this.#passes.within(0);
  }

  #take(resource: TrainingRun): void {
    if (resource.metadata.generation !== this.#resource.metadata.generation) {
      this.#actionsFrom = 0;
      this.#set({ objectivesProblem: undefined });
    }
    // Without objectives in the spec, users may change those of the run.
    if (resource.spec.objectives === undefined) this.#set({ appliedObjectives: undefined });
    this.#resource = resource;
  }

  /** Stops following and leaves the run as it is. */
  async stop(): Promise<void> {
    this.#ending.abort();
    this.#passes.stop();
    await this.#following;
  }

  get #signal(): AbortSignal {
    return this.#ending.signal;
  }

  get #name(): string {
    const { namespace, name } = this.#resource.metadata;
    return `${namespace}/${name}`;
  }

  async #follow(): Promise<void> {
    await this.#passes.run(async () => {
      const ms = await this.#passOrRetry();
      if (this.#isGone) this.#passes.stop();
      return ms;
    });
    this.#watch?.abort();
    this.#ignoreRewards();
  }

  /** A RewardService named in the spec may have become available. */
  #onRewards(): void {
    if (rewardServicesOf(this.#resource.spec.objectives).length === 0) return;
    this.#actionsFrom = 0;
    this.#passes.within(0);
  }

  /** Makes a pass. Returns the milliseconds until the next one is due at the latest. */
  async #passOrRetry(): Promise<number> {
    try {
      return await this.#pass();
    } catch (error) {
      if (this.#signal.aborted) return 0;
      this.#failures += 1;
      this.#context.log.warn({ trainingRun: this.#name }, `TrainingRun ${this.#name}: ${reasonOf(error)}`);
      return retryDelayMs(unreachableRetry, this.#failures);
    }
  }

  async #pass(): Promise<number> {
    if (this.#resource.metadata.deletionTimestamp !== undefined) return this.#end();
    await this.#keep(!this.#hasEnded);
    if (this.#isSettled) return Infinity;
    await this.#observe();
    await this.#writeStatus();
    if (this.#observed.unreachable !== undefined) {
      this.#failures += 1;
      return retryDelayMs(unreachableRetry, this.#failures);
    }
    this.#failures = 0;
    const action = nextAction(this.#resource, this.#known);
    if (action !== undefined) {
      const wait = this.#actionsFrom - performance.now();
      if (wait > 0) {
        if (this.#observed.run !== undefined) this.#watchRun();
        return wait;
      }
      await this.#act(action);
      return 0;
    }
    const { run, refused } = this.#observed;
    if (run === undefined) return refused === undefined ? Infinity : failedResyncMs;
    if (hasEnded(run.state)) {
      await this.#keep(!this.#hasEnded);
      return this.#isSettled ? Infinity : resyncMs;
    }
    if (run.state === 'RUN_STATE_FAILED') return failedResyncMs;
    this.#watchRun();
    return resyncMs;
  }

  /** Whether the status shows the end of the run. */
  get #hasEnded(): boolean {
    const phase = this.#resource.status?.phase;
    return phase === 'Succeeded' || phase === 'Cancelled';
  }

  /** Whether it shows the end for this version of the spec. */
  get #isSettled(): boolean {
    const { status, metadata } = this.#resource;
    return this.#hasEnded && status?.observedGeneration === metadata.generation;
  }

  /** Adds or removes the finalizer. */
  async #keep(kept: boolean): Promise<void> {
    if ((this.#resource.metadata.finalizers ?? []).includes(finalizer) === kept) return;
    await this.#changing(() => {
      const others = (this.#resource.metadata.finalizers ?? []).filter((one) => one !== finalizer);
      const wanted = kept ? [...others, finalizer] : others;
      return this.#context.cluster.writeFinalizers(trainingRunKind, this.#resource, wanted);
    });
  }

  /** What is known, with the objectives of the current spec. */
  get #known(): Observed {
    const { objectives } = this.#resource.spec;
    const found = objectives && resolved(objectives, this.#context.registry);
    if (found === undefined) return this.#observed;
    return 'wanted' in found
      ? { ...this.#observed, wanted: found.wanted }
      : { ...this.#observed, rewardProblem: found.problem };
  }

  /** Asks the coordinator for the run. */
  async #observe(): Promise<void> {
    const known = this.#resource.status?.runId !== undefined;
    try {
      const request = { runId: this.#runId };
      const { run } = await this.#context.training.GetRun(request, { deadlineMs: quickMs, signal: this.#signal });
      this.#takeRun(run ?? undefined);
    } catch (error) {
      const { code, details } = RpcError.from(error);
      if (code !== 'NOT_FOUND') return this.#lose(error);
      const lost = { reason: 'RunNotFound', message: `the coordinator has lost the run: ${details}` };
      this.#set({ run: undefined, unreachable: undefined, ...(known && { refused: lost }) });
    }
  }

  #takeRun(run: Run | undefined): void {
    const suspend = this.#resource.spec.suspend === true;
    const stillPausing = suspend && run !== undefined && isActive(run.state) && this.#observed.pauseRequested;
    this.#set({
      run,
      unreachable: undefined,
      refused: undefined,
      pauseRequested: stillPausing,
      ...(suspend && { resumed: false }),
    });
  }

  #set(changes: Partial<Observed>): void {
    this.#observed = { ...this.#observed, ...changes };
  }

  /**
   * Records that the coordinator could not be reached.
   *
   * @throws Error the given one, if the operator is stopping
   */
  #lose(error: unknown): void {
    if (this.#signal.aborted) throw error;
    const { code, details } = RpcError.from(error);
    this.#set({ unreachable: { reason: wordOf(code), message: `the coordinator does not answer: ${details}` } });
    this.#watch?.abort();
  }

  /** Performs an action required by the spec. A refusal is recorded and retried later. */
  async #act(action: Action): Promise<void> {
    try {
      const known = this.#known;
      await this.#request(action, known);
      this.#refusals = 0;
      this.#set(clearedBy[action]);
      if (action === 'create' || action === 'change') this.#set({ appliedObjectives: known.wanted?.sha256 });
    } catch (error) {
      const { code, details } = RpcError.from(error);
      if (code === 'ALREADY_EXISTS') return;
      if (unreachableCodes.has(code)) return this.#lose(error);
      this.#refusals += 1;
      this.#actionsFrom = performance.now() + retryDelayMs(refusedRetry, this.#refusals);
      this.#set(problemOf(action, { reason: wordOf(code), message: details }));
      this.#context.log.warn({ trainingRun: this.#name, action }, `TrainingRun ${this.#name}: ${action}: ${details}`);
    }
  }

  async #request(action: Action, { wanted, run }: Observed): Promise<void> {
    const { training, baseDirectory } = this.#context;
    const { spec } = this.#resource;
    const [runId, author] = [this.#runId, authorOf(this.#resource)];
    const options = { deadlineMs: quickMs, signal: this.#signal };
    const slow = { ...options, deadlineMs: startMs };
    this.#context.log.info({ trainingRun: this.#name, run: runId, action }, `TrainingRun ${this.#name}: ${action}`);
    switch (action) {
      case 'create': {
        const configYaml = configYamlOf(this.#resource, wanted?.list);
        const directory = spec.baseDirectory ?? baseDirectory;
        const request = { configYaml, baseDirectory: directory, runId, configName: 'spec.config', author };
        await training.CreateRun(request, slow);
        return;
      }
      case 'pause':
        await training.PauseRun({ runId, author }, options);
        return;
      case 'resume':
        await training.ResumeRun({ runId, author }, slow);
        return;
      case 'change': {
        // Replaces all of them. Those with the same settings stay as they are, whatever the coordinator has
        // now.
        const takesPreference = run !== undefined && Object.keys(run.preference).length > 0;
        const preference = takesPreference ? (spec.preference ?? {}) : {};
        const add = (wanted?.list ?? []).map(objectiveInput);
        await training.ChangeObjectives({ runId, add, remove: run?.objectives ?? [], preference, author }, slow);
        return;
      }
      case 'prefer':
        await training.SetPreference({ runId, preference: spec.preference ?? {}, author }, options);
    }
  }

  /** Watches the run, so that a pass follows each change. */
  #watchRun(): void {
    if (this.#watch !== undefined) return;
    const watch = new AbortController();
    this.#watch = watch;
    void this.#listen(AbortSignal.any([watch.signal, this.#signal])).finally(() => {
      if (this.#watch === watch) this.#watch = undefined;
      this.#passes.within(unreachableRetry.baseDelayMs);
    });
  }

  async #listen(signal: AbortSignal): Promise<void> {
    try {
      const request = { runId: this.#runId, afterStep: this.#observed.run?.step ?? 0 };
      let isFirst = true;
      for await (const change of this.#context.training.WatchRun(request, { deadlineMs: Infinity, signal })) {
        // The first message is the run's current state.
        if (change.run && !isFirst) this.#passes.within(0);
        else if (change.step) this.#passes.within(this.#context.statusMs);
        isFirst = false;
      }
    } catch (error) {
      if (!signal.aborted)
        this.#context.log.info(`the watch of run ${this.#runId} ended: ${RpcError.from(error).details}`);
    }
  }

  /** Writes the status if it has changed, and reports notable changes as events. */
  async #writeStatus(): Promise<void> {
    const written = await this.#changing(async () => {
      const before = this.#resource.status;
      const after = statusOf(this.#resource, this.#known, new Date());
      if (before !== undefined && canonicalJson(before) === canonicalJson(after)) return undefined;
      const resource = await this.#context.cluster.writeStatus(trainingRunKind, this.#resource, after);
      return { ...resource, before, after };
    });
    if (written !== undefined) await this.#report(written.before, written.after);
  }

  async #report(before: Status | undefined, after: Status): Promise<void> {
    for (const event of eventsBetween(before, after)) {
      try {
        await this.#context.cluster.report(trainingRunKind, this.#resource, event, this.#context.identity);
      } catch (error) {
        this.#context.log.warn(
          { trainingRun: this.#name },
          `the event ${event.reason} was not written: ${reasonOf(error)}`,
        );
      }
    }
  }

  /** Changes the resource. After a conflict, reads it again and applies the change to the new version. */
  async #changing<T extends TrainingRun>(change: () => Promise<T | undefined>): Promise<T | undefined> {
    if (this.#isGone) return undefined;
    const changed = await changing(change, () => this.#read());
    if (changed !== undefined && !isOlder(changed, this.#resource)) this.#take(plain(changed));
    return changed;
  }

  /** Reads the resource again. Returns whether it still exists. */
  async #read(): Promise<boolean> {
    const read = await this.#context.cluster.readAgain(trainingRunKind, this.#resource);
    if (read === undefined) this.#isGone = true;
    else this.#take(read);
    return !this.#isGone;
  }

  /** Cancels the run of a resource that is being deleted, then removes the finalizer. */
  async #end(): Promise<number> {
    const { finalizers = [] } = this.#resource.metadata;
    if (!finalizers.includes(finalizer)) return Infinity;
    try {
      const request = { runId: this.#runId, author: authorOf(this.#resource) };
      await this.#context.training.CancelRun(request, { deadlineMs: quickMs, signal: this.#signal });
      this.#context.log.info({ trainingRun: this.#name, run: this.#runId }, `TrainingRun ${this.#name}: cancelled`);
    } catch (error) {
      const { code, details } = RpcError.from(error);
      // It was never created, or has ended.
      if (code !== 'NOT_FOUND' && code !== 'FAILED_PRECONDITION') {
        this.#lose(error);
        this.#failures += 1;
        await this.#writeStatus();
        this.#context.log.warn(
          `TrainingRun ${this.#name} is being deleted, and its run cannot be cancelled: ${details}`,
        );
        return retryDelayMs(unreachableRetry, this.#failures);
      }
    }
    await this.#keep(false);
    return Infinity;
  }
}

/** What a successful action clears. */
const clearedBy: Readonly<Record<Action, Partial<Observed>>> = {
  create: { refused: undefined, resumed: true },
  pause: { suspensionProblem: undefined, pauseRequested: true },
  resume: { suspensionProblem: undefined, resumed: true },
  change: { objectivesProblem: undefined },
  prefer: { preferenceProblem: undefined },
};

function problemOf(action: Action, problem: Problem): Partial<Observed> {
  if (action === 'create') return { refused: problem };
  if (action === 'change') return { objectivesProblem: problem };
  return action === 'prefer' ? { preferenceProblem: problem } : { suspensionProblem: problem };
}

/** Returns a code as the reason of a condition: InvalidArgument for INVALID_ARGUMENT. */
function wordOf(code: RpcCode): string {
  return code
    .toLowerCase()
    .split('_')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}

function plain(resource: TrainingRun): TrainingRun {
  const { apiVersion, kind, metadata, spec, status } = resource;
  return { apiVersion, kind, metadata, spec, status };
}
