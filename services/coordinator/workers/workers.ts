/**
 * A pool of stateless workers. Any worker can run any job with an identical result, so a failed job is retried on another worker, and a
 * slow one is given to a second worker as well. A busy worker prefetches its next job, so that it computes while messages are in flight.
 */
import { AsyncResource } from 'node:async_hooks';
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { retryDelayMs, RpcError, type IdentifyResponse, type ServiceName } from '@gapo/rpc';
import type { Logger } from '@gapo/service';
import { count, observeWith, type Observe } from '@gapo/tracing';
import { abortReason, PauseNeeded, type Fault } from '../state/interruption.js';
import type { WorkersRecord } from '../state/trainingState.js';
import { followName, namedHost } from './addresses.js';
import { Agreement } from './agreement.js';
import { Job, type Attempt, type JobName, type JobResult } from './job.js';
import { Member } from './member.js';
import { Stragglers } from './stragglers.js';

export type { Attempt, JobResult } from './job.js';

/** Options of a {@link WorkerPool}. */
export interface PoolOptions<S extends ServiceName> {
  /** The service that the workers implement. */
  service: S;
  /** Their addresses. Each address that a name such as `dns:///rollout:50051` resolves to is one worker. */
  targets: readonly string[];
  /** A worker's name in messages, for example `rollout worker`. */
  what: string;
  /** The setting that holds their addresses, for example ROLLOUT_WORKERS. */
  setting: string;
  /** Milliseconds that one attempt at a job may take. */
  deadlineMs: number;
  /**
   * Milliseconds without a sign of life after which a worker loses its jobs to others.
   * @default 8000
   */
  leaseMs?: number;
  /**
   * Milliseconds to connect to a worker and get its identity.
   * @default 5000
   */
  connectMs?: number;
  /**
   * Minimum time, in milliseconds, after which a job is given to a second worker. The actual time is also at least three times the median
   * of such jobs.
   * @default 2000
   */
  hedgeMs?: number;
  /** Milliseconds without any reachable worker after which queued jobs fail with PauseNeeded. */
  waitMs: number;
  /**
   * Whether to admit, with a warning, workers whose results may differ in the last bits.
   * @default false
   */
  allowUnlike?: boolean;
  log: Logger;
}

/** The worker is gone or stuck: the job is retried elsewhere, and the worker gets no jobs until it answers again. */
const lostCodes: ReadonlySet<string> = new Set([
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'CANCELLED',
  'RESOURCE_EXHAUSTED',
  'ABORTED',
]);

/** The worker or the connection is broken: the job is retried. After three such errors the job itself is considered the cause. */
const brokenCodes: ReadonlySet<string> = new Set(['INTERNAL', 'UNKNOWN', 'DATA_LOSS']);

/**
 * Why a worker gets no jobs after its connection ended. The worker may be gone, or its server may have closed a connection after five
 * minutes.
 */
const connectionEnded = 'its connection ended';

const maxJobsPerWorker = 2;
const maxBroken = 3;
const maxDeadlines = 2;
const maxAttempts = 8;
/** A job is overdue after this many times the median. */
const hedgeFactor = 3;
const defaults = { leaseMs: 8000, connectMs: 5000, hedgeMs: 2000, allowUnlike: false };
/** Delays between checks of a worker that does not serve. */
const probe = { baseDelayMs: 100, maxDelayMs: 1000 } as const;

/** Returns a function that creates the error for an invalid response. */
export function invalidResponse(method: string, target: string): (what: string) => RpcError {
  return (what) => new RpcError('INTERNAL', `the worker returned ${what}`, { method, target });
}

/** Distributes jobs over workers. */
export class WorkerPool<S extends ServiceName> {
  readonly #options: Required<PoolOptions<S>>;
  readonly #workers: Member<S>[] = [];
  readonly #agreement: Agreement;
  readonly #stragglers: Stragglers;
  /** Names that did not resolve, with the reason. */
  readonly #unresolved = new Map<string, string>();
  readonly #closing = new AbortController();
  readonly #queue: Job<S>[] = [];
  /** Jobs with an attempt in progress. */
  readonly #running = new Set<Job<S>>();
  /** Runs a function outside the trace of the job that happens to trigger it. */
  readonly #untraced = AsyncResource.bind(<T>(fn: () => T): T => fn());
  readonly #unobserve: () => void;
  #outageTimer: NodeJS.Timeout | undefined;
  #hedgeTimer: NodeJS.Timeout | undefined;
  #added = 0;

  constructor(options: PoolOptions<S>) {
    this.#options = { ...defaults, ...options };
    this.#agreement = new Agreement(options.what, this.#options.allowUnlike);
    this.#stragglers = new Stragglers(options.what, options.log);
    setMaxListeners(0, this.#closing.signal); // one listener per worker that is down
    this.#unobserve = observeWith((observe) => this.#observe(observe));
    for (const target of options.targets) {
      const name = namedHost(target);
      if (name === undefined) this.#add(target);
      else this.#follow(target, name);
    }
  }

  /**
   * Runs a job on any worker.
   *
   * @param call makes the job's calls; must be idempotent, because retries run it again and two workers may run it concurrently
   * @throws RpcError if a worker rejects the job, or after three internal errors
   * @throws PauseNeeded if no worker is reachable for `waitMs`, or if the job runs out of attempts
   */
  run<T>(name: JobName, signal: AbortSignal, call: (attempt: Attempt<S>) => Promise<T>): Promise<JobResult<T>> {
    let drop = (): void => undefined;
    return new Promise<JobResult<T>>((resolve, reject) => {
      if (signal.aborted) return reject(abortReason(signal));
      const { deadlineMs } = this.#options;
      const job = new Job<S>(name, signal, reject, async (worker, attemptSignal) => {
        const began = performance.now();
        // A prefetched job first waits for the job before it.
        const options = { deadlineMs: deadlineMs * worker.attempts.size, signal: attemptSignal };
        const { client, identity } = worker;
        const alive = (): void => worker.alive();
        const value = await job.inTrace(() => call({ client, instance: identity?.instance ?? '', options, alive }));
        const seconds = (performance.now() - Math.max(began, worker.endedAt)) / 1000;
        const slowness = this.#stragglers.record(job, worker.target, seconds)?.factor ?? 0;
        resolve({ value, worker: worker.target, seconds, slowness });
      });
      this.#queue.push(job);
      drop = () => this.#drop(job);
      signal.addEventListener('abort', drop, { once: true });
      this.#dispatch();
    }).finally(() => signal.removeEventListener('abort', drop));
  }

  /**
   * Keeps the workers alike until the returned function is called: no worker with a different build or environment is admitted, even when
   * all others have left.
   *
   * @param recorded the workers that computed earlier jobs; undefined: accept whatever the first worker is
   * @throws PauseNeeded if the workers that serve now differ from it
   */
  hold(recorded?: WorkersRecord): () => void {
    this.#forgetReference();
    const release = this.#agreement.hold(recorded);
    return () => {
      release();
      this.#forgetReference();
    };
  }

  /**
   * Asks all workers for their identity. Resolves once each has answered or could not be reached. Not needed before a job, which does this
   * itself.
   */
  async join(): Promise<void> {
    await Promise.all(this.#toIdentify().map((worker) => this.#join(worker)));
  }

  /** What the workers have in common; undefined before the first one is admitted. */
  get reference(): WorkersRecord | undefined {
    return this.#agreement.reference;
  }

  /** Closes the connections and rejects queued jobs. */
  close(): void {
    this.#unobserve();
    this.#closing.abort();
    clearTimeout(this.#outageTimer);
    clearTimeout(this.#hedgeTimer);
    const closed = new RpcError('CANCELLED', `the pool of ${this.#options.what}s is closed`);
    for (const job of this.#queue.splice(0)) job.fail(closed);
    for (const worker of this.#workers) worker.close();
  }

  /** The pool's name in metrics. */
  get #pool(): string {
    return this.#options.what.replace(/ worker$/, '');
  }

  #observe(observe: Observe): void {
    const pool = this.#pool;
    const serving = this.#present().length;
    observe('poolWorkers', serving, { pool, workerState: 'serving' });
    observe('poolWorkers', this.#workers.length - serving, { pool, workerState: 'down' });
    observe('poolShards', this.#queue.length, { pool, shardState: 'waiting' });
    observe('poolShards', this.#running.size, { pool, shardState: 'computing' });
    observe('poolStragglers', this.#stragglers.size, { pool });
  }

  #add(target: string): void {
    const disconnected = (): void => this.#disconnected(worker);
    const worker = new Member(this.#options.service, target, this.#added++, disconnected);
    this.#workers.push(worker);
  }

  #follow(target: string, name: { readonly host: string; readonly port: string }): void {
    let known: readonly string[] = [];
    const changed = (targets: readonly string[]): void => {
      this.#unresolved.delete(target);
      for (const gone of known.filter((address) => !targets.includes(address))) this.#retire(gone);
      for (const added of targets.filter((address) => !known.includes(address))) this.#add(added);
      known = targets;
      this.#options.log.info({ name: target, workers: targets }, `${this.#options.what}s behind ${target}`);
      this.#dispatch();
    };
    const failed = (reason: string): void => void this.#unresolved.set(target, reason);
    void followName(name, { changed, failed }, this.#closing.signal);
  }

  /** Removes a worker once it has finished its jobs. */
  #retire(target: string): void {
    for (const worker of this.#workers.filter((one) => one.target === target)) {
      worker.retired = true;
      if (worker.attempts.size === 0) this.#remove(worker);
    }
  }

  #remove(worker: Member<S>): void {
    const at = this.#workers.indexOf(worker);
    if (at >= 0) this.#workers.splice(at, 1);
    worker.close();
    this.#stragglers.forget(worker.target);
    this.#forgetReference();
  }

  /** The workers that take jobs. */
  #present(): Member<S>[] {
    return this.#workers.filter(({ down, retired }) => down === undefined && !retired);
  }

  /** The workers that do not serve and are not being asked for their identity. */
  #toIdentify(): Member<S>[] {
    return this.#workers.filter(({ down, joining }) => down !== undefined && !joining);
  }

  #forgetReference(): void {
    if (this.#present().length === 0) this.#agreement.forget();
  }

  #drop(job: Job<S>): void {
    const at = this.#queue.indexOf(job);
    if (at >= 0) this.#queue.splice(at, 1);
    job.fail(abortReason(job.signal));
    this.#watchOutage();
  }

  #dispatch(): void {
    for (const job of [...this.#queue]) {
      const worker = this.#workerFor(job);
      if (worker === undefined) continue;
      this.#queue.splice(this.#queue.indexOf(job), 1);
      void this.#runOn(job, worker);
    }
    if (this.#queue.length > 0) {
      for (const worker of this.#toIdentify()) void this.#untraced(() => this.#join(worker));
    }
    this.#hedge();
    this.#watchOutage();
  }

  /**
   * Chooses a worker that has not tried the job yet, or any if all have. Free workers come first, stragglers last. Busy workers prefetch
   * while there is a job for each that can; the remaining jobs go to the workers that finish first.
   */
  #workerFor(job: Job<S>): Member<S> | undefined {
    const present = this.#present();
    const fresh = present.filter((worker) => !job.tried.has(worker));
    const able = fresh.length > 0 ? fresh : present;
    const free = able.filter(({ attempts }) => attempts.size === 0);
    const preferred = (workers: readonly Member<S>[]): Member<S> | undefined =>
      workers.find(({ target }) => !this.#stragglers.has(target)) ?? workers[0];
    if (free.length > 0) return preferred(free);
    const joining = this.#workers.some(({ contacted, retired }) => !contacted && !retired);
    const prefetching = able.filter(({ attempts }) => attempts.size < maxJobsPerWorker);
    if (joining || job.attempts > 0 || this.#queue.length < prefetching.length) return undefined;
    return preferred(prefetching);
  }

  async #runOn(job: Job<S>, worker: Member<S>): Promise<void> {
    const lost = new AbortController();
    this.#untraced(() => worker.hold(lost, this.#options.leaseMs, () => this.#lapse(worker)));
    this.#running.add(job);
    const began = performance.now();
    job.overdueAt = began + this.#patienceMs(job, worker.attempts.size);
    const ended = job.attempt(worker, lost).finally(() => worker.drop(lost));
    try {
      await ended;
    } catch (reason) {
      // Another worker was faster. This one would have taken at least this long.
      if (job.succeeded) this.#stragglers.record(job, worker.target, (performance.now() - began) / 1000);
      else this.#handleFailure(job, worker, reason);
    }
    if (job.running.size === 0) this.#running.delete(job);
    if (worker.retired && worker.attempts.size === 0) this.#remove(worker);
    this.#dispatch();
  }

  /** Returns after how many milliseconds a job is overdue. */
  #patienceMs({ kind }: Job<S>, position: number): number {
    const expected = this.#stragglers.expected(kind);
    if (expected === undefined) return Infinity;
    return Math.max(this.#options.hedgeMs, hedgeFactor * expected * 1000) * position;
  }

  /** Gives jobs that are overdue to free workers as well. The results are the same; the first one counts. */
  #hedge(): void {
    clearTimeout(this.#hedgeTimer);
    if (this.#queue.length > 0 || this.#closing.signal.aborted) return;
    const now = performance.now();
    let next = Infinity;
    for (const job of this.#running) {
      const [slow] = job.running.keys();
      if (slow === undefined || job.running.size > 1 || !job.open || job.attempts >= maxAttempts) continue;
      const free = this.#present().find(
        (worker) => worker.attempts.size === 0 && worker !== slow && !job.tried.has(worker),
      );
      if (free === undefined) continue;
      if (job.overdueAt === Infinity) job.overdueAt = now + this.#patienceMs(job, 1);
      if (now >= job.overdueAt) {
        this.#options.log.warn(
          { worker: slow.target, second: free.target },
          `${this.#options.what}: ${job.label} is overdue on ${slow.target}: ${free.target} computes it too`,
        );
        count('shardRetries', 1, { pool: this.#pool, reason: 'overdue' });
        void this.#runOn(job, free);
      } else next = Math.min(next, job.overdueAt);
    }
    if (next < Infinity) this.#hedgeTimer = setTimeout(() => this.#dispatch(), next - now);
  }

  #handleFailure(job: Job<S>, worker: Member<S>, reason: unknown): void {
    const { what, log } = this.#options;
    if (!job.open) return;
    if (job.signal.aborted) return job.fail(abortReason(job.signal));
    if (this.#closing.signal.aborted) return job.fail(reason);
    const error = RpcError.from(reason, { target: worker.target });
    job.tried.add(worker);
    const retry = (text: string, why: 'lost' | 'failed'): void => {
      count('shardRetries', 1, { pool: this.#pool, reason: why });
      log.warn({ worker: worker.target, code: error.code }, `${what}: ${text}: ${error.details}`);
      if (job.running.size === 0) this.#queue.unshift(job);
    };
    if (lostCodes.has(error.code)) {
      this.#markDown(worker, `${error.code}: ${error.details}`);
      if (error.code === 'DEADLINE_EXCEEDED') job.deadlines += 1;
      if (job.attempts < maxAttempts && job.deadlines < maxDeadlines)
        return retry(`retrying ${job.label} elsewhere`, 'lost');
      const failure = `${job.label} failed after ${job.attempts} attempts, the last on ${worker.target}: ${error.details}`;
      return job.fail(new PauseNeeded(`${failure}; check the ${what}'s log`, this.#outage()));
    }
    if (brokenCodes.has(error.code) && ++job.broken < maxBroken) return retry(`retrying ${job.label}`, 'failed');
    job.fail(error);
  }

  /** A worker gave no sign of life. Its connection may be dead too, so it is replaced. */
  #lapse(worker: Member<S>): void {
    this.#markDown(worker, `it gave no sign of life for ${this.#options.leaseMs / 1000} s`);
    worker.reconnect();
  }

  /** Gives a worker no jobs until it serves again, and immediately retries its current jobs elsewhere. */
  #markDown(worker: Member<S>, reason: string): void {
    worker.down ??= reason;
    for (const attempt of worker.attempts) attempt.abort(new RpcError('UNAVAILABLE', reason));
    this.#forgetReference();
  }

  /**
   * A connection ended. The worker may be gone without its address refusing connections, so it must identify itself before it gets another
   * job. A worker that is stopping still finishes its current jobs.
   */
  #disconnected(worker: Member<S>): void {
    if (worker.down !== undefined) return;
    worker.down = connectionEnded;
    this.#forgetReference();
    this.#untraced(() => this.#dispatch());
  }

  /** Asks a worker for its identity, with backoff, until it may serve or no job is waiting. */
  async #join(worker: Member<S>): Promise<void> {
    const { signal } = this.#closing;
    worker.joining = true;
    for (let attempt = 1; attempt === 1 || (this.#queue.length > 0 && !worker.retired); attempt++) {
      worker.down = await this.#refusal(worker);
      if (worker.down === undefined || signal.aborted) break;
      if (attempt === 1) this.#dispatch(); // jobs no longer wait for this worker
      const pauseMs = retryDelayMs({ ...probe, seed: worker.number }, attempt);
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    }
    worker.joining = false;
    if (!signal.aborted) this.#dispatch();
  }

  /** Returns why a worker may not serve; undefined if it is admitted. */
  async #refusal(worker: Member<S>): Promise<string | undefined> {
    const { connectMs, what, log } = this.#options;
    let identity: IdentifyResponse;
    try {
      identity = await worker.identify(connectMs, this.#closing.signal);
    } catch (reason) {
      const { code, details } = RpcError.from(reason);
      if (code === 'UNIMPLEMENTED') return 'it does not identify itself: it runs an earlier release; update it';
      if (code !== 'DEADLINE_EXCEEDED') return details;
      worker.reconnect();
      return `it did not answer within ${connectMs / 1000} s`;
    }
    const { problem, warning } = this.#agreement.admit(identity);
    if (problem !== undefined) {
      if (problem !== worker.down)
        log.error({ worker: worker.target }, `${what} ${worker.target} is refused: ${problem}`);
      return problem;
    }
    if (warning !== undefined) log.warn({ worker: worker.target }, `${what} ${worker.target}: ${warning}`);
    const { build, environment } = identity;
    const again = worker.identity === undefined ? 'joined' : 'is back';
    const renewed = worker.down === connectionEnded && worker.identity?.instance === identity.instance;
    log[renewed ? 'debug' : 'info'](
      { worker: worker.target, build, ...environment },
      `${what} ${worker.target} ${again}`,
    );
    worker.identity = identity;
    return undefined;
  }

  /** Runs the outage timer while jobs are queued and every worker is down. */
  #watchOutage(): void {
    if (this.#queue.length === 0 || this.#workers.some(({ down }) => down === undefined)) {
      clearTimeout(this.#outageTimer);
      this.#outageTimer = undefined;
      return;
    }
    const { waitMs, what, setting } = this.#options;
    this.#outageTimer ??= setTimeout(() => {
      this.#outageTimer = undefined;
      const message = `no ${what} has answered for ${waitMs / 1000} s: ${this.#causes()}; start one or correct ${setting}`;
      for (const job of this.#queue.splice(0)) job.fail(new PauseNeeded(message, this.#outage()));
    }, waitMs);
  }

  /** Returns the fault of a pool without a usable worker. It is over once a worker may serve. */
  #outage(): Fault {
    const check = async (): Promise<void> => {
      const answers = this.#workers.map(async (worker) => (worker.down = await this.#refusal(worker)));
      if ((await Promise.all(answers)).includes(undefined)) return;
      throw new Error(this.#causes());
    };
    return { waitingFor: `a ${this.#options.what}`, check };
  }

  /** Returns why no worker serves: each worker's problem, and the names that do not resolve. */
  #causes(): string {
    const down = this.#workers.map(({ target, down: reason = '' }) => [target, reason] as const);
    return [...down, ...this.#unresolved].map(([target, reason]) => `${target} (${reason})`).join(', ');
  }
}
