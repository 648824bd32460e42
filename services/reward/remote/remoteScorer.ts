/** A scorer that calls another server: batches become requests, several of them concurrent. */
import { NoScore, type Outcome, type ScoreItem, type Scorer, type ScorerDescription } from '@gapo/reward';

/** A server that scores. */
export interface Remote {
  /** The current description: its version may change with a response. */
  readonly description: ScorerDescription;
  /** The most items of a request. */
  readonly batch: number;
  /** Concurrent requests. */
  readonly concurrency: number;
  /**
   * Makes one request.
   *
   * @returns a score, or why there is none, for each item in order
   * @throws NoScore if no item has a score; the signal's reason once it aborts
   */
  ask(items: readonly ScoreItem[], signal: AbortSignal, deadline?: Date): Promise<readonly (number | NoScore)[]>;
  close(): void;
}

/** Splits batches into concurrent requests. */
export class RemoteScorer implements Scorer {
  readonly #remote: Remote;

  constructor(remote: Remote) {
    this.#remote = remote;
  }

  get description(): ScorerDescription {
    return this.#remote.description;
  }

  async score(items: readonly ScoreItem[], signal: AbortSignal, deadline?: Date): Promise<readonly Outcome[]> {
    const outcomes = new Array<Outcome>(items.length);
    const { batch: size, concurrency } = this.#remote;
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < items.length) {
        const start = next;
        const batch = items.slice(start, (next += size));
        (await this.#ask(batch, signal, deadline)).forEach((outcome, k) => (outcomes[start + k] = outcome));
      }
    };
    await Promise.all(Array.from({ length: concurrency }, lane));
    return outcomes;
  }

  async close(): Promise<void> {
    this.#remote.close();
  }

  /** Makes one request. Its failure is that of each item. */
  async #ask(batch: readonly ScoreItem[], signal: AbortSignal, deadline?: Date): Promise<readonly Outcome[]> {
    try {
      return (await this.#remote.ask(batch, signal, deadline)).map(outcomeOf);
    } catch (error) {
      if (!(error instanceof NoScore)) throw error;
      return batch.map(() => outcomeOf(error));
    }
  }
}

function outcomeOf(found: number | NoScore): Outcome {
  return typeof found === 'number' ? { score: found } : { problem: found.message, retryable: found.retryable };
}
