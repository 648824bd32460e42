/** Reward services: what each one is, and the scores of a batch of completions, where a missing score never becomes a number. */
import { connect, retry, RpcError, type Client, type DescribeResponse, type Item, type Result } from '@gapo/rpc';
import { UserError, type Logger } from '@gapo/telemetry';

/** A reward service as the configuration names it. */
export interface RewardOptions {
  /** The objective's name. */
  objective: string;
  /** Where the service is. */
  target: string;
  /** How long one Score call may take, in milliseconds. */
  timeoutMs: number;
  log: Logger;
}

/** An item without a score. */
export interface ScoreFailure {
  /** Its place in the batch. */
  readonly index: number;
  readonly message: string;
}

/** What a service made of a batch. */
export interface Scores {
  /** One for each item, larger is better; undefined where there is none. */
  readonly values: readonly (number | undefined)[];
  /** The items without a score, ascending. */
  readonly failures: readonly ScoreFailure[];
  /** Milliseconds of the slowest call. */
  readonly latencyMs: number;
  /** Wall seconds of the whole batch. */
  readonly seconds: number;
}

/** Items of a call where the service names no limit. */
const DEFAULT_BATCH = 64;

/** Calls under way at a time, so that one is on the wire while the other computes. */
const CONCURRENT_CALLS = 2;

const RETRIES = { attempts: 3, baseDelayMs: 100, maxDelayMs: 2000 } as const;

/** One objective's reward service. */
export class RewardSource {
  readonly objective: string;
  readonly target: string;
  readonly #client: Client<'gapo.reward.v1.RewardService'>;
  readonly #timeoutMs: number;
  readonly #log: Logger;
  #description: DescribeResponse | undefined;

  constructor({ objective, target, timeoutMs, log }: RewardOptions) {
    this.objective = objective;
    this.target = target;
    this.#client = connect('gapo.reward.v1.RewardService', target);
    this.#timeoutMs = timeoutMs;
    this.#log = log;
  }

  /**
   * Asks the service what it is; to be called before the first batch.
   *
   * @throws UserError with one line that names the objective, the address and what to do
   */
  async describe(signal?: AbortSignal): Promise<DescribeResponse> {
    try {
      this.#description = await retry(
        () => this.#client.Describe({}, { deadlineMs: Math.min(this.#timeoutMs, 10_000), signal }),
        { ...RETRIES, signal },
      );
    } catch (reason) {
      const { details } = RpcError.from(reason);
      throw new UserError(
        `reward service of ${this.objective} at ${this.target} does not answer: ${details}; start it, or correct its ` +
          'address in REWARD_SERVICES or objectives[].service',
        { cause: reason },
      );
    }
    return this.#description;
  }

  /** From which score a completion is acceptable, in the orientation of {@link Scores}; undefined where there is no such notion. */
  get threshold(): number | undefined {
    const threshold = this.#description?.threshold;
    return threshold === undefined ? undefined : this.#oriented(threshold);
  }

  /**
   * Scores items in batches of at most what the service takes. Never fails for what a service does: what it does not
   * score is a failure of those items.
   *
   * @param onItems told how many items have been dealt with
   * @throws the signal's reason
   */
  async score(items: readonly Item[], signal: AbortSignal, onItems?: (done: number) => void): Promise<Scores> {
    const began = performance.now();
    const values = new Array<number | undefined>(items.length).fill(undefined);
    const failures: ScoreFailure[] = [];
    let [latencyMs, next, done] = [0, 0, 0];
    const size = this.#description?.maxBatch || DEFAULT_BATCH;
    const lane = async (): Promise<void> => {
      while (next < items.length) {
        const start = next;
        const batch = items.slice(start, start + size);
        next += batch.length;
        const { outcomes, slowestMs } = await this.#scoreBatch(batch, signal);
        latencyMs = Math.max(latencyMs, slowestMs);
        outcomes.forEach((outcome, k) => {
          if (typeof outcome === 'number') values[start + k] = outcome;
          else failures.push({ index: start + k, message: outcome.message });
        });
        done += batch.length;
        onItems?.(done);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENT_CALLS }, lane));
    failures.sort((a, b) => a.index - b.index);
    return { values, failures, latencyMs, seconds: (performance.now() - began) / 1000 };
  }

  /** Gives up the connection. */
  close(): void {
    this.#client.close();
  }

  async #scoreBatch(
    items: readonly Item[],
    signal: AbortSignal,
  ): Promise<{ outcomes: readonly (number | ItemFailure)[]; slowestMs: number }> {
    let slowestMs = 0;
    const call = async (wanted: readonly Item[]): Promise<readonly (number | ItemFailure)[]> => {
      const began = performance.now();
      try {
        const request = { items: [...wanted] };
        const { results, version } = await this.#client.Score(request, { deadlineMs: this.#timeoutMs, signal });
        this.#notice(version);
        return this.#outcomes(wanted, results);
      } finally {
        slowestMs = Math.max(slowestMs, performance.now() - began);
      }
    };
    const onRetry = ({ error, attempt }: { error: RpcError; attempt: number }): void =>
      this.#log.warn({ objective: this.objective, target: this.target }, `call ${attempt} failed: ${error.details}`);
    try {
      const outcomes = [...(await retry(() => call(items), { ...RETRIES, signal, onRetry }))];
      const again = [...outcomes.keys()].filter((k) => isRetryable(outcomes[k]));
      if (again.length > 0) {
        const second = await retry(() => call(again.map((k) => items[k]!)), { ...RETRIES, signal, onRetry });
        again.forEach((k, i) => (outcomes[k] = second[i]!));
      }
      return { outcomes, slowestMs };
    } catch (reason) {
      if (signal.aborted) throw signal.reason;
      const error = RpcError.from(reason);
      const message = `${error.code}: ${error.details}`;
      return { outcomes: items.map(() => ({ message, retryable: false })), slowestMs };
    }
  }

  /** A service that changes while a run goes on makes its rewards incomparable: nobody is stopped, but it is said, once. */
  #notice(version: string): void {
    const known = this.#description;
    if (known === undefined || version === '' || version === known.version) return;
    this.#log.warn(
      { objective: this.objective, target: this.target, from: known.version, to: version },
      `the reward service of ${this.objective} scores as another version than before`,
    );
    this.#description = { ...known, version };
  }

  /** Checks that there is exactly one result for each item, in order, and that each score is a number. */
  #outcomes(items: readonly Item[], results: readonly Result[]): readonly (number | ItemFailure)[] {
    const surplus = results.length > items.length;
    return items.map((item, k) => {
      const result = results[k];
      if (result === undefined || surplus) {
        return { message: `${results.length} results came back for ${items.length} items`, retryable: false };
      }
      if (result.id !== item.id) {
        return { message: `result ${k} is for item "${result.id}", expected "${item.id}"`, retryable: false };
      }
      if (result.outcome === 'error') {
        return {
          message: result.error?.message || 'it has no score and no reason',
          retryable: result.error?.retryable === true,
        };
      }
      if (result.outcome !== 'score' || result.score === undefined) {
        return { message: 'the result has neither score nor error', retryable: false };
      }
      if (!Number.isFinite(result.score)) return { message: `the score is ${result.score}`, retryable: false };
      return this.#oriented(result.score);
    });
  }

  #oriented(score: number): number {
    return this.#description?.orientation === 'ORIENTATION_LOWER_IS_BETTER' ? -score : score;
  }
}

interface ItemFailure {
  readonly message: string;
  readonly retryable: boolean;
}

function isRetryable(outcome: number | ItemFailure | undefined): boolean {
  return typeof outcome === 'object' && outcome.retryable;
}
