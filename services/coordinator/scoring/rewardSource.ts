/** One objective's reward service: what it is, and the scores of a batch of completions, where a missing score never becomes a number. */
import { connect, retry, RpcError, type Client, type DescribeResponse, type Item, type RetryPolicy } from '@gapo/rpc';
import { UserError, type Logger } from '@gapo/service';
import { CircuitBreaker } from './circuitBreaker.js';
import { hedged } from './hedge.js';
import { isScore, outcomesOf, type Outcome } from './outcomes.js';
import { RunningScores, type Outlier } from './runningScores.js';
import { itemKey, ScoreCache } from './scoreCache.js';

/** A reward service as the configuration names it. */
export interface RewardOptions {
  /** The objective's name. */
  objective: string;
  /** Where the service is; dns:///name:port calls every address of the name in turn. */
  target: string;
  /** How long one Score call may take, in milliseconds. */
  timeoutMs: number;
  /** When a call that is not answered yet is made a second time, in milliseconds. @default never */
  hedgeAfterMs?: number | undefined;
  log: Logger;
  /** The clock of its circuit breaker, in milliseconds. @default performance.now */
  now?: () => number;
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
  /** Scores that are far from all before them. */
  readonly outliers: readonly Outlier[];
  /** Milliseconds of the slowest call; 0 where every score was known. */
  readonly latencyMs: number;
  /** Wall seconds of the whole batch. */
  readonly seconds: number;
}

/** Items of a call where the service names no limit. */
const defaultBatch = 64;

/** Calls under way at a time, so that one is on the wire while the other computes. */
const concurrentCalls = 2;

/** Of a question that a person waits for: whether a service answers at all. */
const describeRetries = { attempts: 3, baseDelayMs: 100, maxDelayMs: 200 } as const;

/**
 * Of a Score call: where it may take the usual 30 s, its two pauses are 2.2 to 4.5 s together, in which a service that
 * restarts may be there again. Those of calls that may take less are shorter in proportion.
 */
const scoreRetries = (timeoutMs: number): Pick<RetryPolicy, 'attempts' | 'baseDelayMs' | 'maxDelayMs'> => {
  const baseDelayMs = Math.min(1500, timeoutMs / 20);
  return { attempts: 3, baseDelayMs, maxDelayMs: 2 * baseDelayMs };
};

const breaker = { failures: 6, coolDownMs: 15_000 } as const;

/** Scores that are remembered: some 10 MB. */
const cached = 50_000;

/** One objective's reward service. */
export class RewardSource {
  readonly objective: string;
  readonly target: string;
  readonly #client: Client<'gapo.reward.v1.RewardService'>;
  readonly #options: RewardOptions;
  readonly #cache = new ScoreCache(cached);
  readonly #breaker: CircuitBreaker;
  readonly #running = new RunningScores();
  #description: DescribeResponse | undefined;

  constructor(options: RewardOptions) {
    this.objective = options.objective;
    this.target = options.target;
    this.#client = connect('gapo.reward.v1.RewardService', options.target);
    this.#options = options;
    this.#breaker = new CircuitBreaker(breaker, options.now);
  }

  /**
   * Asks the service what it is; to be called before the first batch.
   *
   * @throws UserError with one line that names the objective, the address and what to do, where nothing answers or the
   *   service is for another objective
   */
  async describe(signal?: AbortSignal): Promise<DescribeResponse> {
    const deadlineMs = Math.min(this.#options.timeoutMs, 10_000);
    let description: DescribeResponse;
    try {
      description = await retry(() => this.#client.Describe({}, { deadlineMs, signal }), {
        ...describeRetries,
        signal,
      });
    } catch (reason) {
      const { details } = RpcError.from(reason);
      throw new UserError(
        `reward service of ${this.objective} at ${this.target} does not answer: ${details}; start it, or correct its ` +
          'address in REWARD_SERVICES or objectives[].service',
        { cause: reason },
      );
    }
    this.#breaker.succeeded();
    if (description.objective !== this.objective) {
      throw new UserError(
        `the reward service at ${this.target} is for the objective "${description.objective}", not for ${this.objective}; ` +
          'correct its address in REWARD_SERVICES or objectives[].service, or the name of either',
      );
    }
    this.#notice(description.version);
    return (this.#description = description);
  }

  /** From which score a completion is acceptable, in the orientation of {@link Scores}; undefined where there is no such notion. */
  get threshold(): number | undefined {
    const threshold = this.#description?.threshold;
    return threshold === undefined ? undefined : this.#oriented(threshold);
  }

  /**
   * Scores items: each different one once, and none whose score is known, in batches of at most what the service takes.
   * Never fails for what a service does: what it does not score is a failure of those items.
   *
   * @param onItems told how many items have been dealt with
   * @throws the signal's reason
   */
  async score(items: readonly Item[], signal: AbortSignal, onItems?: (done: number) => void): Promise<Scores> {
    const began = performance.now();
    const outcomes = new Array<Outcome>(items.length);
    const groups = this.#grouped(items, outcomes);
    let done = items.length - groups.reduce((sum, { places }) => sum + places.length, 0);
    if (done > 0) onItems?.(done);
    const size = this.#description?.maxBatch || defaultBatch;
    let [latencyMs, next] = [0, 0];
    const lane = async (): Promise<void> => {
      while (next < groups.length) {
        const first = next;
        const batch = groups.slice(first, (next += size));
        const { found, slowestMs } = await this.#scoreBatch(batch, first, signal);
        latencyMs = Math.max(latencyMs, slowestMs);
        batch.forEach(({ places }, k) => places.forEach((place) => (outcomes[place] = found[k]!)));
        done += batch.reduce((sum, { places }) => sum + places.length, 0);
        onItems?.(done);
      }
    };
    await Promise.all(Array.from({ length: concurrentCalls }, lane));
    const values = outcomes.map((outcome) => (isScore(outcome) ? this.#oriented(outcome) : undefined));
    const failures = outcomes.flatMap((outcome, index) =>
      isScore(outcome) ? [] : [{ index, message: outcome.message }],
    );
    if (failures[0] !== undefined) {
      const { index, message } = failures[0];
      this.#options.log.warn(
        { objective: this.objective, target: this.target },
        `objective ${this.objective} has no score for ${failures.length} of ${items.length} items (${items[index]!.id}: ${message})`,
      );
    }
    const outliers = this.#running.add(values);
    return { values, failures, outliers, latencyMs, seconds: (performance.now() - began) / 1000 };
  }

  /** Gives up the connection. */
  close(): void {
    this.#client.close();
  }

  /** The items to ask for, each with its places in the batch; scores that are known go into `outcomes`. */
  #grouped(items: readonly Item[], outcomes: Outcome[]): readonly Group[] {
    const version = this.#description?.version ?? '';
    const groups = new Map<string, Group>();
    items.forEach((item, place) => {
      const key = itemKey(item);
      const known = this.#cache.get(version, key);
      const group = groups.get(key);
      if (known !== undefined) outcomes[place] = known;
      // A service without a version promises nothing: each of its items is asked for.
      else if (group === undefined || version === '')
        groups.set(`${key}${group ? place : ''}`, { key, item, places: [place] });
      else group.places.push(place);
    });
    return [...groups.values()];
  }

  /** @param seed sets the pauses of calls that fail together apart: one that breaks the connection spares the other's next try */
  async #scoreBatch(
    groups: readonly Group[],
    seed: number,
    signal: AbortSignal,
  ): Promise<{ found: readonly Outcome[]; slowestMs: number }> {
    let slowestMs = 0;
    const all = (message: string): Outcome[] => groups.map(() => ({ message, retryable: false }));
    const { refusal } = this.#breaker;
    if (refusal !== undefined) return { found: all(refusal), slowestMs };
    const ask = async (wanted: readonly Group[]): Promise<Outcome[]> => {
      const began = performance.now();
      try {
        return await this.#call(wanted, signal);
      } finally {
        slowestMs = Math.max(slowestMs, performance.now() - began);
      }
    };
    const onRetry = ({ error, attempt }: { error: RpcError; attempt: number }): void =>
      this.#options.log.warn(
        { objective: this.objective, target: this.target },
        `call ${attempt} failed: ${error.details}`,
      );
    const policy = { ...scoreRetries(this.#options.timeoutMs), seed, signal, onRetry };
    try {
      const found = await retry(() => ask(groups), policy);
      const again = [...found.keys()].filter((k) => isRetryable(found[k]!));
      if (again.length > 0) {
        const second = await retry(() => ask(again.map((k) => groups[k]!)), policy);
        again.forEach((k, i) => (found[k] = second[i]!));
      }
      return { found, slowestMs };
    } catch (reason) {
      if (signal.aborted) throw signal.reason;
      const error = RpcError.from(reason);
      return { found: all(`${error.code}: ${error.details}`), slowestMs };
    }
  }

  /** One call, or two where it is hedged. */
  async #call(groups: readonly Group[], signal: AbortSignal): Promise<Outcome[]> {
    const items = groups.map(({ item }) => item);
    const { timeoutMs: deadlineMs, hedgeAfterMs } = this.#options;
    try {
      const { results, version } = await hedged(
        (either) => this.#client.Score({ items }, { deadlineMs, signal: either }),
        hedgeAfterMs,
        signal,
      );
      this.#breaker.succeeded();
      this.#notice(version);
      const outcomes = outcomesOf(items, results);
      outcomes.forEach((outcome, k) => {
        if (isScore(outcome)) this.#cache.set(version, groups[k]!.key, outcome);
      });
      return outcomes;
    } catch (reason) {
      const { code, details } = RpcError.from(reason);
      // A request that breaks a limit says nothing about the service's health.
      if (!signal.aborted && code !== 'INVALID_ARGUMENT') this.#breaker.failed(`${code}: ${details}`);
      throw reason;
    }
  }

  /** A service that changes while a run goes on makes its rewards incomparable: nobody is stopped, but it is said, once. */
  #notice(version: string): void {
    const known = this.#description;
    if (known === undefined || version === '' || version === known.version) return;
    this.#options.log.warn(
      { objective: this.objective, target: this.target, from: known.version, to: version },
      `the reward service of ${this.objective} scores as another version than before`,
    );
    this.#description = { ...known, version };
  }

  #oriented(score: number): number {
    return this.#description?.orientation === 'ORIENTATION_LOWER_IS_BETTER' ? -score : score;
  }
}

/** Items with the same texts. */
interface Group {
  readonly key: string;
  /** The one that is asked for. */
  readonly item: Item;
  /** Their places in the batch. */
  readonly places: number[];
}

function isRetryable(outcome: Outcome): boolean {
  return !isScore(outcome) && outcome.retryable;
}
