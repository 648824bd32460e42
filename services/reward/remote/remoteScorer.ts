/** A scorer that calls another server: batches become requests, several of them concurrent, and failed ones are retried. */
import { RequestFailure, type RequestLimits } from '@gapo/http';
import { NoScore, type Outcome, type ScoreItem, type Scorer, type ScorerDescription } from '@gapo/reward';
import { retryDelayMs } from '@gapo/rpc';
import { Slots } from '@gapo/service';
import { realClock, type Clock } from './clock.js';

/** A server that scores. */
export interface Remote {
  /** The current description; its version may change with a response. */
  readonly description: ScorerDescription;
  /** The server's name in errors. */
  readonly name: string;
  /** Maximum number of items per request. */
  readonly batch: number;
  /** Concurrent requests over all calls. */
  readonly concurrency: number;
  /** The time limit of one request, in milliseconds. */
  readonly timeoutMs: number;
  /** How often a request is retried after failures for which the server names no time. */
  readonly retries: number;
  /**
   * Makes one request.
   *
   * @returns a score, or why there is none, for each item in order
   * @throws RequestFailure if there is no response, NoScore if it has no score for any item; the signal's reason once it
   * aborts
   */
  ask(items: readonly ScoreItem[], limits: RequestLimits): Promise<readonly (number | NoScore)[]>;
  close(): void;
}

/** The delays between retries of a request. */
const pauses = { baseDelayMs: 250, maxDelayMs: 8000 } as const;
/** How long a request is retried, and the longest time that a server can ask to wait. */
const longestRetryMs = 300_000;
/** Upper limit of the time reserved for a call's response, which is a tenth of the call's time. */
const longestReserveMs = 1000;

/** Splits batches into concurrent requests. */
export class RemoteScorer implements Scorer {
  readonly #remote: Remote;
  readonly #clock: Clock;
  readonly #slots: Slots;
  /** No request is sent before this time, in milliseconds since 1970: the server asked to wait. */
  #openAt = 0;

  constructor(remote: Remote, clock: Clock = realClock) {
    this.#remote = remote;
    this.#clock = clock;
    this.#slots = new Slots(remote.concurrency);
  }

  get description(): ScorerDescription {
    return this.#remote.description;
  }

  async score(items: readonly ScoreItem[], signal: AbortSignal, deadline?: Date): Promise<readonly Outcome[]> {
    const end = this.#endOf(deadline);
    const late = end === Infinity ? undefined : AbortSignal.timeout(Math.max(0, Math.ceil(end - this.#clock.now())));
    const outcomes = new Array<Outcome>(items.length);
    const { batch: size, concurrency } = this.#remote;
    let next = 0;
    // A call queues for as many slots as it can use, so that concurrent calls take turns.
    const lane = async (): Promise<void> => {
      while (next < items.length) {
        const start = next;
        const batch = items.slice(start, (next += size));
        const found = await this.#outcomes(batch, { seed: start, end, signal, late });
        found.forEach((outcome, k) => (outcomes[start + k] = outcome));
      }
    };
    await Promise.all(Array.from({ length: concurrency }, lane));
    return outcomes;
  }

  async close(): Promise<void> {
    this.#remote.close();
  }

  /** Returns when requests must end, so that items scored by then reach the caller before its deadline. */
  #endOf(deadline: Date | undefined): number {
    if (deadline === undefined) return Infinity;
    const now = this.#clock.now();
    const left = deadline.getTime() - now;
    return now + left - Math.min(left / 10, longestReserveMs);
  }

  /** Scores a batch in a slot. A failure applies to every item. */
  async #outcomes(batch: readonly ScoreItem[], turn: Turn): Promise<readonly Outcome[]> {
    const { signal, late } = turn;
    try {
      const waiting = late === undefined ? signal : AbortSignal.any([signal, late]);
      const found = await this.#slots.run(waiting, () => this.#answered(batch, turn));
      return found.map(outcomeOf);
    } catch (error) {
      signal.throwIfAborted();
      const failure =
        error === late?.reason ? this.#failure("all request slots were busy until the call's deadline") : error;
      if (!(failure instanceof NoScore || failure instanceof RequestFailure)) throw error;
      return batch.map(() => outcomeOf(failure));
    }
  }

  /** Makes a request and retries it as long as there is time. */
  async #answered(batch: readonly ScoreItem[], { seed, end, signal }: Turn): Promise<readonly (number | NoScore)[]> {
    const { timeoutMs, retries } = this.#remote;
    const giveUpAt = Math.min(end, this.#clock.now() + longestRetryMs);
    for (let failures = 0; ;) {
      await this.#whenOpen(giveUpAt, signal);
      const left = end - this.#clock.now();
      if (left <= 0) throw this.#failure('the call had no time left for the request');
      try {
        return await this.#remote.ask(batch, { signal, timeoutMs: Math.min(timeoutMs, left) });
      } catch (error) {
        if (!(error instanceof RequestFailure) || !error.retryable) throw error;
        const { waitMs } = error;
        if (waitMs !== undefined) this.#closeFor(waitMs);
        else failures += 1;
        const pauseMs = waitMs ?? retryDelayMs({ ...pauses, seed }, failures);
        if (failures > retries || this.#clock.now() + pauseMs >= giveUpAt) throw error;
        if (waitMs === undefined) await this.#clock.wait(pauseMs, signal);
      }
    }
  }

  /** Holds back all requests, because the server limits this client rather than a single batch. */
  #closeFor(waitMs: number): void {
    this.#openAt = Math.max(this.#openAt, this.#clock.now() + Math.min(waitMs, longestRetryMs));
  }

  async #whenOpen(giveUpAt: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      const waitMs = this.#openAt - this.#clock.now();
      if (waitMs <= 0) return;
      if (this.#openAt >= giveUpAt) throw this.#failure(`asked to wait for another ${Math.ceil(waitMs / 1000)} s`);
      await this.#clock.wait(waitMs, signal);
    }
  }

  #failure(what: string): RequestFailure {
    return new RequestFailure(`${this.#remote.name}: ${what}`, { retryable: true });
  }
}

/** A batch's place in a call. */
interface Turn {
  /** Gives batches different retry delays. */
  readonly seed: number;
  /** When requests must end, in milliseconds since 1970. */
  readonly end: number;
  /** The call's signal. */
  readonly signal: AbortSignal;
  /** Aborts at the end; undefined if there is none. */
  readonly late: AbortSignal | undefined;
}

function outcomeOf(found: number | NoScore | RequestFailure): Outcome {
  return typeof found === 'number' ? { score: found } : { problem: found.message, retryable: found.retryable };
}
