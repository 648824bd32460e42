/**
 * A pool of stateless workers. Any worker can run any job with the identical result, so a job that one fails is retried on
 * another. While the queue is long, a busy worker prefetches its next job and computes while messages are in flight.
 */
import { AsyncResource } from 'node:async_hooks';
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { checkHealth, connect, retryDelayMs, RpcError, type Client, type ServiceName } from '@gapo/rpc';
import type { Logger } from '@gapo/service';
import { abortReason, PauseNeeded } from '../state/interruption.js';
import { followName, namedHost } from './addresses.js';

/** Options of a {@link WorkerPool}. */
export interface PoolOptions<S extends ServiceName> {
  /** The service that the workers implement. */
  service: S;
  /** Their addresses. Each address that a name such as `dns:///rollout:50051` resolves to is one worker. */
  targets: readonly string[];
  /** What messages call a worker, for example `rollout worker`. */
  what: string;
  /** The setting that holds their addresses, for example ROLLOUT_WORKERS. */
  setting: string;
  /** Milliseconds that one attempt at a job may take. */
  deadlineMs: number;
  /**
   * Milliseconds between health checks of a busy worker. After three unanswered ones its jobs move to other workers, long
   * before the deadline: this detects a machine that lost power.
   * @default 10000
   */
  watchMs?: number;
  /** Milliseconds without any reachable worker after which queued jobs fail with PauseNeeded. */
  waitMs: number;
  log: Logger;
}

/** One attempt at a job. */
export interface Attempt<S extends ServiceName> {
  readonly client: Client<S>;
  /** Deadline and cancellation, to pass to the call. */
  readonly options: { readonly deadlineMs: number; readonly signal: AbortSignal };
}

/** The result of a job. */
export interface JobResult<T> {
  readonly value: T;
  /** The worker, as host:port. */
  readonly worker: string;
  /** Wall seconds of the successful attempt, without the time that it waited for the worker's previous job. */
  readonly seconds: number;
}

/** The worker is gone or stuck: the job is retried elsewhere, and the worker gets no jobs until its health check passes. */
const lostCodes: ReadonlySet<string> = new Set([
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'CANCELLED',
  'RESOURCE_EXHAUSTED',
  'ABORTED',
]);

/** The worker or the connection is broken: the job is retried. After three such errors the job itself is to blame. */
const brokenCodes: ReadonlySet<string> = new Set(['INTERNAL', 'UNKNOWN', 'DATA_LOSS']);

const maxJobsPerWorker = 2;
const maxBroken = 3;
const maxDeadlines = 2;
const maxAttempts = 8;
const watchIntervalMs = 10_000;
const maxMissedChecks = 3;
const probe = { baseDelayMs: 100, maxDelayMs: 5000 } as const;
const probeDeadlineMs = 5000;

interface Worker<S extends ServiceName> {
  readonly target: string;
  readonly client: Client<S>;
  readonly number: number;
  /** The attempts that it holds: it runs the first; the next is prefetched. */
  readonly attempts: Set<AbortController>;
  /** When its last attempt ended, by performance.now(). */
  endedAt: number;
  /** Why it is down; undefined while it serves. */
  down: string | undefined;
  /** Its name no longer resolves to it: it gets no more jobs. */
  retired: boolean;
}

interface Job<S extends ServiceName> {
  /** What messages call it, for example `shard 3 of step 12`. */
  readonly label: string;
  readonly signal: AbortSignal;
  /** Runs one attempt and resolves the job's promise if it succeeds. */
  readonly attempt: (worker: Worker<S>, signal: AbortSignal) => Promise<void>;
  readonly reject: (error: unknown) => void;
  readonly tried: Set<Worker<S>>;
  attempts: number;
  broken: number;
  deadlines: number;
}

/** Returns a function that creates the error for an invalid response. */
export function invalidResponse(method: string, target: string): (what: string) => RpcError {
  return (what) => new RpcError('INTERNAL', `the worker answered ${what}`, { method, target });
}

/** Distributes jobs over workers. */
export class WorkerPool<S extends ServiceName> {
  readonly #options: PoolOptions<S>;
  readonly #workers: Worker<S>[] = [];
  /** Names that did not resolve, with the reason. */
  readonly #unresolved = new Map<string, string>();
  readonly #closing = new AbortController();
  readonly #queue: Job<S>[] = [];
  #outageTimer: NodeJS.Timeout | undefined;

  constructor(options: PoolOptions<S>) {
    this.#options = options;
    setMaxListeners(0, this.#closing.signal); // every worker that is down listens
    for (const target of options.targets) {
      const name = namedHost(target);
      if (name === undefined) this.#add(target);
      else this.#follow(target, name);
    }
  }

  /**
   * Runs a job on any worker.
   *
   * @param call makes the job's calls; must be idempotent, since retries run it again
   * @throws RpcError if a worker rejects the job, or after three internal errors
   * @throws PauseNeeded if no worker is reachable for `waitMs`, or if the job runs out of attempts
   */
  run<T>(label: string, signal: AbortSignal, call: (attempt: Attempt<S>) => Promise<T>): Promise<JobResult<T>> {
    let drop = (): void => undefined;
    return new Promise<JobResult<T>>((resolve, reject) => {
      if (signal.aborted) return reject(abortReason(signal));
      const { deadlineMs } = this.#options;
      // Bound, so that its spans are children of the caller's span, not of the job whose end freed the worker.
      const bound = AsyncResource.bind(call);
      const job: Job<S> = {
        label,
        signal,
        tried: new Set(),
        attempts: 0,
        broken: 0,
        deadlines: 0,
        reject,
        attempt: async (worker, attemptSignal) => {
          const began = performance.now();
          // A prefetched job first waits for the one before it.
          const options = { deadlineMs: deadlineMs * worker.attempts.size, signal: attemptSignal };
          const value = await bound({ client: worker.client, options });
          const seconds = (performance.now() - Math.max(began, worker.endedAt)) / 1000;
          resolve({ value, worker: worker.target, seconds });
        },
      };
      this.#queue.push(job);
      drop = () => this.#drop(job);
      signal.addEventListener('abort', drop, { once: true });
      this.#dispatch();
    }).finally(() => signal.removeEventListener('abort', drop));
  }

  /** Closes the connections and rejects queued jobs. */
  close(): void {
    this.#closing.abort();
    clearTimeout(this.#outageTimer);
    for (const job of this.#queue.splice(0)) {
      job.reject(new RpcError('CANCELLED', `the pool of ${this.#options.what}s is closed`));
    }
    for (const { client } of this.#workers) client.close();
  }

  #add(target: string): void {
    const client = connect(this.#options.service, target);
    const number = this.#workers.length;
    this.#workers.push({ target, number, client, attempts: new Set(), endedAt: 0, down: undefined, retired: false });
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

  /** Removes a worker, once it has finished its jobs. */
  #retire(target: string): void {
    for (const worker of this.#workers.filter((one) => one.target === target)) {
      worker.retired = true;
      if (worker.attempts.size === 0) this.#remove(worker);
    }
  }

  #remove(worker: Worker<S>): void {
    const at = this.#workers.indexOf(worker);
    if (at >= 0) this.#workers.splice(at, 1);
    worker.client.close();
  }

  #drop(job: Job<S>): void {
    const at = this.#queue.indexOf(job);
    if (at >= 0) this.#queue.splice(at, 1);
    job.reject(abortReason(job.signal));
    this.#watchOutage();
  }

  #dispatch(): void {
    for (const job of [...this.#queue]) {
      const worker = this.#workerFor(job);
      if (worker === undefined) continue;
      this.#queue.splice(this.#queue.indexOf(job), 1);
      void this.#runOn(job, worker);
    }
    this.#watchOutage();
  }

  /**
   * Chooses a worker that has not tried the job yet, or any if all have. A free worker comes first. A busy one prefetches
   * while the queue is at least as long as the list of workers, so that the last jobs go to the workers that finish first.
   */
  #workerFor(job: Job<S>): Worker<S> | undefined {
    const present = this.#workers.filter(({ down, retired }) => down === undefined && !retired);
    const fresh = present.filter((worker) => !job.tried.has(worker));
    const able = fresh.length > 0 ? fresh : present;
    const free = able.find(({ attempts }) => attempts.size === 0);
    if (free !== undefined || job.attempts > 0 || this.#queue.length < present.length) return free;
    return able.find(({ attempts }) => attempts.size < maxJobsPerWorker);
  }

  async #runOn(job: Job<S>, worker: Worker<S>): Promise<void> {
    job.attempts += 1;
    const lost = new AbortController();
    const done = new AbortController();
    worker.attempts.add(lost);
    void this.#watchHealth(worker, lost, done.signal);
    try {
      await job.attempt(worker, AbortSignal.any([job.signal, lost.signal]));
      worker.attempts.delete(lost);
    } catch (reason) {
      worker.attempts.delete(lost);
      this.#handleFailure(job, worker, reason);
    }
    worker.endedAt = performance.now();
    done.abort();
    if (worker.retired && worker.attempts.size === 0) this.#remove(worker);
    this.#dispatch();
  }

  /** Aborts an attempt when its worker stops answering health checks. Without a health service the deadline decides. */
  async #watchHealth(worker: Worker<S>, lost: AbortController, done: AbortSignal): Promise<void> {
    const { watchMs = watchIntervalMs } = this.#options;
    let missed = 0;
    while (missed < maxMissedChecks) {
      await delay(watchMs, undefined, { signal: done }).catch(() => undefined);
      if (done.aborted) return;
      try {
        await checkHealth(worker.target, watchMs, this.#options.service);
        missed = 0;
      } catch (reason) {
        if (RpcError.from(reason).code === 'UNIMPLEMENTED') return;
        missed += 1;
      }
    }
    lost.abort(new RpcError('UNAVAILABLE', `it missed ${maxMissedChecks} health checks while it ran the job`));
  }

  #handleFailure(job: Job<S>, worker: Worker<S>, reason: unknown): void {
    const { what, log } = this.#options;
    if (job.signal.aborted) return job.reject(abortReason(job.signal));
    if (this.#closing.signal.aborted) return job.reject(reason);
    const error = RpcError.from(reason, { target: worker.target });
    job.tried.add(worker);
    if (lostCodes.has(error.code)) {
      log.warn(
        { worker: worker.target, code: error.code },
        `${what}: retrying ${job.label} elsewhere: ${error.details}`,
      );
      this.#markDown(worker, `${error.code}: ${error.details}`);
      if (error.code === 'DEADLINE_EXCEEDED') job.deadlines += 1;
      if (job.attempts < maxAttempts && job.deadlines < maxDeadlines) return void this.#queue.unshift(job);
      const failure = `${job.label} failed after ${job.attempts} attempts, the last on ${worker.target}: ${error.details}`;
      return job.reject(new PauseNeeded(`${failure}; check the ${what}'s log, then resume the run`));
    }
    if (brokenCodes.has(error.code) && ++job.broken < maxBroken) {
      log.warn({ worker: worker.target, code: error.code }, `${what}: retrying ${job.label}: ${error.details}`);
      return void this.#queue.unshift(job);
    }
    job.reject(error);
  }

  /** Gives a worker no jobs until it serves again, and retries its other job elsewhere at once. */
  #markDown(worker: Worker<S>, reason: string): void {
    if (worker.down !== undefined) return;
    worker.down = reason;
    for (const other of worker.attempts) other.abort(new RpcError('UNAVAILABLE', `it failed another job: ${reason}`));
    if (!worker.retired) void this.#probe(worker);
  }

  /** Checks the health of a worker that is down, with backoff, until it serves. */
  async #probe(worker: Worker<S>): Promise<void> {
    const { signal } = this.#closing;
    for (let attempt = 1; ; attempt++) {
      try {
        await delay(retryDelayMs({ ...probe, seed: worker.number }, attempt), undefined, { signal });
        if (worker.retired) return;
        const status = await checkHealth(worker.target, probeDeadlineMs, this.#options.service);
        if (status === 'SERVING') break;
        worker.down = `its health is ${status}`;
      } catch (reason) {
        if (signal.aborted) return;
        const error = RpcError.from(reason);
        if (error.code === 'UNIMPLEMENTED') break; // it has no health service, but it is up
        worker.down = error.details;
      }
    }
    worker.down = undefined;
    this.#options.log.info({ worker: worker.target }, `${this.#options.what} is back`);
    this.#dispatch();
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
      const down = this.#workers.map(({ target, down: reason = '' }) => [target, reason] as const);
      const causes = [...down, ...this.#unresolved].map(([target, reason]) => `${target} (${reason})`).join(', ');
      const message = `no ${what} has answered for ${waitMs / 1000} s: ${causes}; start one or correct ${setting}, then resume the run`;
      for (const job of this.#queue.splice(0)) job.reject(new PauseNeeded(message));
    }, waitMs);
  }
}
