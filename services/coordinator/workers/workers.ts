/**
 * A pool of stateless workers: pieces of work go to whoever is free, and what one worker could not finish another redoes
 * with the identical result. Who does what never shows in a result, only in its time. Where enough pieces wait, a worker has
 * its next one before it has ended the last, so that it computes while results and requests are on their way.
 */
import { AsyncResource } from 'node:async_hooks';
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { checkHealth, connect, retryDelayMs, RpcError, type Client, type ServiceName } from '@gapo/rpc';
import type { Logger } from '@gapo/service';
import { abortReason, PauseNeeded } from '../state/interruption.js';
import { followName, namedHost } from './addresses.js';

/** How a pool is made. */
export interface PoolOptions<S extends ServiceName> {
  /** The service that the workers implement. */
  service: S;
  /** Where they are; each address behind a name as `dns:///rollout:50051` is a worker, and they may come and go. */
  targets: readonly string[];
  /** What one is called, as `rollout worker`. */
  what: string;
  /** Where their addresses are configured, as ROLLOUT_WORKERS. */
  setting: string;
  /** Milliseconds that one attempt at a piece may take. */
  deadlineMs: number;
  /**
   * Milliseconds between looks at the health of a worker that is busy; three without an answer, and its piece is redone
   * elsewhere long before the deadline, as when its machine has lost power.
   * @default 10000
   */
  watchMs?: number;
  /** Milliseconds without any worker after which waiting pieces are given up with PauseNeeded. */
  waitMs: number;
  log: Logger;
}

/** What a piece of work is given. */
export interface Attempt<S extends ServiceName> {
  readonly client: Client<S>;
  /** Goes to the call as it is: deadline and cancellation. */
  readonly options: { readonly deadlineMs: number; readonly signal: AbortSignal };
}

/** What became of a piece of work. */
export interface Done<T> {
  readonly value: T;
  /** The worker, as host:port. */
  readonly worker: string;
  /** Wall seconds of the attempt that succeeded, from when its worker had nothing else to end first. */
  readonly seconds: number;
}

/** The worker is gone or stuck: it is left alone until it says that it serves. Somebody else redoes the piece. */
const lostCodes: ReadonlySet<string> = new Set([
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'CANCELLED',
  'RESOURCE_EXHAUSTED',
  'ABORTED',
]);

/** Something broke on the way or in the worker. Another one may do better; if three do not, it is not the worker. */
const brokenCodes: ReadonlySet<string> = new Set(['INTERNAL', 'UNKNOWN', 'DATA_LOSS']);

/** Pieces that a worker has at a time. */
const mostAtATime = 2;
const mostBroken = 3;
const mostDeadlines = 2;
const mostAttempts = 8;
const watchIntervalMs = 10_000;
const mostSilences = 3;
const probe = { baseDelayMs: 100, maxDelayMs: 5000 } as const;
const probeDeadlineMs = 5000;

interface Worker<S extends ServiceName> {
  readonly target: string;
  readonly client: Client<S>;
  readonly number: number;
  away: boolean;
  /** The attempts that it has: it works on the first, the next one waits. */
  readonly attempts: Set<AbortController>;
  /** When it last ended an attempt, by performance.now(). */
  endedAt: number;
  /** Why it is away. */
  reason: string;
  /** No longer behind its name: it gets no more work. */
  retired: boolean;
}

interface Job<S extends ServiceName> {
  /** What it is called in logs, as `shard 3 of step 12`. */
  readonly label: string;
  readonly signal: AbortSignal;
  /** Runs one attempt and settles the job's promise where it succeeds. */
  readonly attempt: (worker: Worker<S>, signal: AbortSignal) => Promise<void>;
  readonly reject: (error: unknown) => void;
  readonly tried: Set<Worker<S>>;
  attempts: number;
  broken: number;
  deadlines: number;
}

/** Gives pieces of work to workers. */
export class WorkerPool<S extends ServiceName> {
  readonly #options: PoolOptions<S>;
  readonly #workers: Worker<S>[] = [];
  /** Names that could not be looked up, with the reason. */
  readonly #unknown = new Map<string, string>();
  readonly #closing = new AbortController();
  readonly #queue: Job<S>[] = [];
  #deserted: NodeJS.Timeout | undefined;

  constructor(options: PoolOptions<S>) {
    this.#options = options;
    setMaxListeners(0, this.#closing.signal); // every worker that is away listens
    for (const target of options.targets) {
      const name = namedHost(target);
      if (name === undefined) this.#add(target);
      else this.#follow(target, name);
    }
  }

  /**
   * Has one piece of work done, by whom it may be.
   *
   * @param call makes the calls of the piece; must be a function of its request, since it may run several times
   * @throws RpcError where the workers refuse the piece or three of them break on it
   * @throws PauseNeeded where no worker answers for the stated time
   */
  run<T>(label: string, signal: AbortSignal, call: (attempt: Attempt<S>) => Promise<T>): Promise<Done<T>> {
    let forget = (): void => undefined;
    return new Promise<Done<T>>((resolve, reject) => {
      if (signal.aborted) return reject(abortReason(signal));
      const { deadlineMs } = this.#options;
      // Bound, so that its spans are children of the span that asked, not of the one whose end freed the worker.
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
          // The time in which it waits for the one before is not its own.
          const options = { deadlineMs: deadlineMs * worker.attempts.size, signal: attemptSignal };
          const value = await bound({ client: worker.client, options });
          const seconds = (performance.now() - Math.max(began, worker.endedAt)) / 1000;
          resolve({ value, worker: worker.target, seconds });
        },
      };
      this.#queue.push(job);
      forget = () => this.#forget(job);
      signal.addEventListener('abort', forget, { once: true });
      this.#dispatch();
    }).finally(() => signal.removeEventListener('abort', forget));
  }

  /** Lets the workers go; waiting pieces are rejected. */
  close(): void {
    this.#closing.abort();
    clearTimeout(this.#deserted);
    for (const job of this.#queue.splice(0)) {
      job.reject(new RpcError('CANCELLED', `the pool of ${this.#options.what}s is closed`));
    }
    for (const { client } of this.#workers) client.close();
  }

  #add(target: string): void {
    const client = connect(this.#options.service, target);
    const number = this.#workers.length;
    const idle = { away: false, attempts: new Set<AbortController>(), endedAt: 0, reason: '', retired: false };
    this.#workers.push({ target, number, client, ...idle });
  }

  #follow(target: string, name: { readonly host: string; readonly port: string }): void {
    let mine: readonly string[] = [];
    const changed = (targets: readonly string[]): void => {
      this.#unknown.delete(target);
      for (const gone of mine.filter((known) => !targets.includes(known))) this.#retire(gone);
      for (const fresh of targets.filter((found) => !mine.includes(found))) this.#add(fresh);
      mine = targets;
      this.#options.log.info({ name: target, workers: targets }, `${this.#options.what}s behind ${target}`);
      this.#dispatch();
    };
    const failed = (reason: string): void => void this.#unknown.set(target, reason);
    void followName(name, { changed, failed }, this.#closing.signal);
  }

  /** Takes a worker out; one that is busy first ends what it does. */
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

  #forget(job: Job<S>): void {
    const at = this.#queue.indexOf(job);
    if (at >= 0) this.#queue.splice(at, 1);
    job.reject(abortReason(job.signal));
    this.#watchDesertion();
  }

  #dispatch(): void {
    for (const job of [...this.#queue]) {
      const worker = this.#workerFor(job);
      if (worker === undefined) continue;
      this.#queue.splice(this.#queue.indexOf(job), 1);
      void this.#work(job, worker);
    }
    this.#watchDesertion();
  }

  /**
   * A free worker that has not tried the job; one that has, where every worker at hand has. Where none is free, one that
   * is busy with a single piece, as long as no fewer pieces wait than there are workers: so the last ones go to whoever is
   * done first.
   */
  #workerFor(job: Job<S>): Worker<S> | undefined {
    const present = this.#workers.filter(({ away, retired }) => !away && !retired);
    const fresh = present.filter((worker) => !job.tried.has(worker));
    const able = fresh.length > 0 ? fresh : present;
    const free = able.find(({ attempts }) => attempts.size === 0);
    if (free !== undefined || job.attempts > 0 || this.#queue.length < present.length) return free;
    return able.find(({ attempts }) => attempts.size < mostAtATime);
  }

  async #work(job: Job<S>, worker: Worker<S>): Promise<void> {
    job.attempts += 1;
    const lost = new AbortController();
    const done = new AbortController();
    worker.attempts.add(lost);
    void this.#watch(worker, lost, done.signal);
    try {
      await job.attempt(worker, AbortSignal.any([job.signal, lost.signal]));
      worker.attempts.delete(lost);
    } catch (reason) {
      worker.attempts.delete(lost);
      this.#failed(job, worker, reason);
    }
    worker.endedAt = performance.now();
    done.abort();
    if (worker.retired && worker.attempts.size === 0) this.#remove(worker);
    this.#dispatch();
  }

  /** Gives an attempt up when its worker no longer answers health checks; a worker without them is left to the deadline. */
  async #watch(worker: Worker<S>, lost: AbortController, done: AbortSignal): Promise<void> {
    const { watchMs = watchIntervalMs } = this.#options;
    let [silences, finished] = [0, false];
    done.addEventListener('abort', () => (finished = true), { once: true });
    while (silences < mostSilences) {
      await delay(watchMs, undefined, { signal: done }).catch(() => undefined);
      if (finished) return;
      try {
        await checkHealth(worker.target, watchMs);
        silences = 0;
      } catch (reason) {
        if (RpcError.from(reason).code === 'UNIMPLEMENTED') return;
        silences += 1;
      }
    }
    lost.abort(new RpcError('UNAVAILABLE', `it has not answered ${mostSilences} health checks while it worked`));
  }

  #failed(job: Job<S>, worker: Worker<S>, reason: unknown): void {
    const { what, log } = this.#options;
    if (job.signal.aborted || this.#closing.signal.aborted)
      return job.reject(job.signal.aborted ? abortReason(job.signal) : reason);
    const error = RpcError.from(reason, { target: worker.target });
    job.tried.add(worker);
    if (lostCodes.has(error.code)) {
      log.warn({ worker: worker.target, code: error.code }, `${what}: ${job.label} is redone: ${error.details}`);
      this.#leave(worker, `${error.code}: ${error.details}`);
      if (error.code === 'DEADLINE_EXCEEDED') job.deadlines += 1;
      if (job.attempts < mostAttempts && job.deadlines < mostDeadlines) return void this.#queue.unshift(job);
      const told = `${job.label} was given up after ${job.attempts} attempts, the last at ${worker.target}: ${error.details}`;
      return job.reject(new PauseNeeded(`${told}; look at the ${what}'s log, then resume the run`));
    }
    if (brokenCodes.has(error.code) && ++job.broken < mostBroken) {
      log.warn({ worker: worker.target, code: error.code }, `${what}: ${job.label} is tried again: ${error.details}`);
      return void this.#queue.unshift(job);
    }
    job.reject(error);
  }

  /** Leaves a worker alone until it serves again; what else it has is redone elsewhere at once. */
  #leave(worker: Worker<S>, reason: string): void {
    if (worker.away) return;
    worker.away = true;
    worker.reason = reason;
    for (const other of worker.attempts)
      other.abort(new RpcError('UNAVAILABLE', `it failed at another piece: ${reason}`));
    if (!worker.retired) void this.#probe(worker);
  }

  /** Asks a worker that is away, ever more seldom, until it serves. */
  async #probe(worker: Worker<S>): Promise<void> {
    const { signal } = this.#closing;
    for (let attempt = 1; ; attempt++) {
      try {
        await delay(retryDelayMs({ ...probe, seed: worker.number }, attempt), undefined, { signal });
        if (worker.retired) return;
        const status = await checkHealth(worker.target, probeDeadlineMs);
        if (status === 'SERVING') break;
        worker.reason = `its health is ${status}`;
      } catch (reason) {
        if (signal.aborted) return;
        const error = RpcError.from(reason);
        if (error.code === 'UNIMPLEMENTED') break; // it has no health service, but it answers
        worker.reason = error.details;
      }
    }
    worker.away = false;
    this.#options.log.info({ worker: worker.target }, `${this.#options.what} is back`);
    this.#dispatch();
  }

  /** Starts the clock when pieces wait and every worker is away, stops it when one of both ends. */
  #watchDesertion(): void {
    const deserted = this.#queue.length > 0 && this.#workers.every(({ away }) => away);
    if (!deserted) {
      clearTimeout(this.#deserted);
      this.#deserted = undefined;
      return;
    }
    const { waitMs, what, setting } = this.#options;
    this.#deserted ??= setTimeout(() => {
      this.#deserted = undefined;
      const away = this.#workers.map(({ target, reason }) => `${target} (${reason})`);
      const told = [...away, ...[...this.#unknown].map(([target, reason]) => `${target} (${reason})`)].join(', ');
      const message = `no ${what} has answered for ${waitMs / 1000} s: ${told}; start one or correct ${setting}, then resume the run`;
      for (const job of this.#queue.splice(0)) job.reject(new PauseNeeded(message));
    }, waitMs);
  }
}
