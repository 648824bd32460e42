/** A job of a pool, and its attempts. */
import { AsyncResource } from 'node:async_hooks';
import { RpcError, underSignals, type Client, type ServiceName } from '@gapo/rpc';
import type { Member } from './member.js';

/** One attempt at a job. */
export interface Attempt<S extends ServiceName> {
  readonly client: Client<S>;
  /** The worker's instance, for the request. */
  readonly instance: string;
  /** Deadline and cancellation, to pass to the call. */
  readonly options: { readonly deadlineMs: number; readonly signal: AbortSignal };
  /** To be called with every message of a stream: it renews the worker's lease. */
  readonly alive: () => void;
}

/** The result of a job. */
export interface JobResult<T> {
  readonly value: T;
  /** The worker, as host:port. */
  readonly worker: string;
  /** Wall-clock seconds of the successful attempt, excluding the wait for the worker's previous job. */
  readonly seconds: number;
  /**
   * If the worker is a straggler, how many times longer it takes than the median of the others; otherwise 0.
   */
  readonly slowness: number;
}

/** The name of a job. */
export interface JobName {
  /** Its name in messages, for example `gradients of shard 3 of step 12`. */
  readonly label: string;
  /** Jobs of the same kind take about the same time. */
  readonly kind: string;
}

/** Runs a function in the caller's trace, so that its spans are children of the caller's span. */
type InTrace = <T>(fn: () => T) => T;

/** Runs one attempt; resolves the job's promise if it succeeds. */
type RunAttempt<S extends ServiceName> = (worker: Member<S>, signal: AbortSignal) => Promise<void>;

/** A job until it is settled. */
export class Job<S extends ServiceName> {
  readonly label: string;
  readonly kind: string;
  readonly signal: AbortSignal;
  /** Runs a function in the caller's trace, not in the trace of the job whose end freed the worker. */
  readonly inTrace: InTrace = AsyncResource.bind(<T>(fn: () => T): T => fn());
  /** The workers on which it failed. */
  readonly tried = new Set<Member<S>>();
  /** Attempts in progress: one, or two if the first is overdue. */
  readonly running = new Map<Member<S>, AbortController>();
  attempts = 0;
  broken = 0;
  deadlines = 0;
  /** When another worker should compute it too, by performance.now(). */
  overdueAt = Infinity;
  readonly #run: RunAttempt<S>;
  readonly #reject: (error: unknown) => void;
  #state: 'open' | 'succeeded' | 'failed' = 'open';

  constructor({ label, kind }: JobName, signal: AbortSignal, reject: (error: unknown) => void, run: RunAttempt<S>) {
    this.label = label;
    this.kind = kind;
    this.signal = signal;
    this.#reject = reject;
    this.#run = run;
  }

  /** Whether it has neither succeeded nor failed yet. */
  get open(): boolean {
    return this.#state === 'open';
  }

  get succeeded(): boolean {
    return this.#state === 'succeeded';
  }

  /** Runs an attempt on a worker. */
  async attempt(worker: Member<S>, cancel: AbortController): Promise<void> {
    this.attempts += 1;
    this.running.set(worker, cancel);
    try {
      await underSignals([this.signal, cancel.signal], (signal) => this.#run(worker, signal));
    } finally {
      this.running.delete(worker);
    }
    this.#settle('succeeded');
  }

  /** Fails the job. */
  fail(error: unknown): void {
    this.#settle('failed');
    this.#reject(error);
  }

  /** Cancels the attempts in progress: their results are no longer needed. */
  #settle(state: 'succeeded' | 'failed'): void {
    if (this.open) this.#state = state;
    for (const attempt of this.running.values()) attempt.abort(new RpcError('CANCELLED', 'another worker was faster'));
  }
}
