/** A scorer that asks somebody else: batches become requests, some of them under way at a time. */
import { NoScore, type Outcome, type ScoreItem, type Scorer, type ScorerDescription } from '@gapo/reward';

/** Somebody who is asked. */
export interface Remote {
  /** What is asked for, now. */
  readonly description: ScorerDescription;
  /** Items of a request at the most. */
  readonly batch: number;
  /** Requests under way at a time. */
  readonly concurrency: number;
  /**
   * Makes one request.
   *
   * @returns a score, or why there is none, for each item in order
   * @throws NoScore where no item has a score; the signal's reason
   */
  ask(items: readonly ScoreItem[], signal: AbortSignal, deadline?: Date): Promise<readonly (number | NoScore)[]>;
  close(): void;
}

/** Splits batches into requests. */
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

  /** One request. A failure of the whole is one of each item. */
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
