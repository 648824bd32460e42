/** The client of one objective's reward service. A missing score never becomes a number. */
import type { TextForm } from '@gapo/config';
import { at } from '@gapo/numeric';
import {
  checkHealth,
  connect,
  retry,
  RpcError,
  type Client,
  type DescribeResponse,
  type Item,
  type RetryPolicy,
} from '@gapo/rpc';
import { Slots, UserError, type Logger } from '@gapo/service';
import { count } from '@gapo/tracing';
import { throwIfAborted, type Fault } from '../state/interruption.js';
import { BusyTime } from './busyTime.js';
import { CircuitBreaker } from './circuitBreaker.js';
import { hedged } from './hedge.js';
import { isRetryable, isScore, outcomesOf, quote, type ItemFailure, type Outcome } from './outcomes.js';
import { defaultBytes, isTooLarge, itemBytes, requestRanges } from './requestSize.js';
import { RunningScores, type Outlier } from './runningScores.js';
import { itemKey, ScoreCache } from './scoreCache.js';

/** Options of a {@link RewardSource}. */
export interface RewardOptions {
  objective: string;
  /** The service's address; dns:///name:port balances calls over all addresses of the name. */
  target: string;
  /** Milliseconds that one Score call may take. */
  timeoutMs: number;
  /**
   * How long, in milliseconds, transient failures are retried; at most `timeoutMs`.
   * @default timeoutMs
   */
  retryMs?: number;
  /** Milliseconds until an unanswered call is hedged. @default never */
  hedgeAfterMs?: number | undefined;
  /** The text form sent to the service. @default the one that it describes, otherwise clean */
  text?: TextForm | undefined;
  log: Logger;
  /** The circuit breaker's clock, in milliseconds. @default performance.now */
  now?: () => number;
}

/** An item without a score. */
export interface ScoreFailure {
  /** Its index in the batch. */
  readonly index: number;
  readonly message: string;
}

/** A service's scores of a batch. */
export interface Scores {
  /** One per item, larger is better; undefined for an item without a score. */
  readonly values: readonly (number | undefined)[];
  /** The items without a score, ascending. */
  readonly failures: readonly ScoreFailure[];
  /** Scores far from the mean of all scores before them. */
  readonly outliers: readonly Outlier[];
  /** Duration of the slowest call, in milliseconds; 0 if every score was cached. */
  readonly latencyMs: number;
  /** Wall-clock seconds during which items of the batch waited for their scores. */
  readonly seconds: number;
}

/** Items per call if the service states no limit. */
const defaultBatch = 64;

/** Every call, within a part and across parts, has its own seed for the jitter of its retries. */
const seedStride = 1_000_003;

/** Concurrent calls: one is on the wire while the other computes. */
const concurrentCalls = 2;

/**
 * Which services {@link RewardSource.describe} waits for, for up to `retryMs`, before it fails:
 *
 * - `none`: none. It fails within a second, for callers that ask again later.
 * - `starting`: servers that listen but are not ready. A user is waiting for the response, and if nothing listens at an address, it is more
 *   likely wrong than not up yet.
 * - `any`: all of them, even if nothing listens. The service has answered before and is expected to come back.
 */
export type Patience = 'none' | 'starting' | 'any';

/** Retries that fail within a second. */
const quickRetries = { attempts: 3, baseDelayMs: 100, maxDelayMs: 200 } as const;

/** Timeout, in milliseconds, for finding out whether a server listens. */
const listeningMs = 2000;

/**
 * Retries of calls, and of items with transient failures: a service that restarts or is overloaded has `retryMs` to recover. The delays are
 * 1/15, 2/15 and three times 1/5 of it, each shortened by up to half.
 */
const patientRetries = (retryMs: number): Pick<RetryPolicy, 'attempts' | 'baseDelayMs' | 'maxDelayMs'> => {
  return { attempts: 6, baseDelayMs: retryMs / 15, maxDelayMs: retryMs / 5 };
};

const breakerLimits = { failures: 6, coolDownMs: 15_000 } as const;

/** Number of cached scores: about 1 MB, and 64 steps of 128 completions. */
const cacheCapacity = 8192;

/** The client of one objective's reward service. */
export class RewardSource {
  readonly objective: string;
  readonly target: string;
  readonly #client: Client<'gapo.reward.v1.RewardService'>;
  readonly #options: RewardOptions;
  readonly #cache = new ScoreCache(cacheCapacity);
  readonly #breaker: CircuitBreaker;
  readonly #running = new RunningScores();
  /** The largest request that the service has accepted since it refused one of twice the size. */
  #receivedBytes = Infinity;
  #description: DescribeResponse | undefined;

  constructor(options: RewardOptions) {
    this.objective = options.objective;
    this.target = options.target;
    this.#client = connect('gapo.reward.v1.RewardService', options.target);
    this.#options = options;
    this.#breaker = new CircuitBreaker(breakerLimits, options.now);
  }

  /**
   * Fetches the service's description. Must be called before the first batch.
   *
   * @throws UserError naming the service if it does not answer or scores another objective; the signal's reason
   */
  async describe(patience: Patience, signal?: AbortSignal): Promise<void> {
    let description: DescribeResponse;
    try {
      description = await this.#askForDescription(patience, signal);
    } catch (reason) {
      if (signal !== undefined) throwIfAborted(signal);
      const { details } = RpcError.from(reason);
      throw new UserError(
        `reward service of ${this.objective} at ${this.target} does not answer: ${quote(details)}; start it, or correct its ` +
          'address in REWARD_SERVICES or objectives[].service',
        { cause: reason },
      );
    }
    this.#breaker.succeeded();
    if (description.objective !== this.objective) {
      throw new UserError(
        `the reward service at ${this.target} is for the objective "${quote(description.objective)}", not for ${this.objective}; ` +
          'correct its address in REWARD_SERVICES or objectives[].service, or rename one of them',
      );
    }
    this.#checkVersion(description.version);
    this.#description = description;
  }

  async #askForDescription(patience: Patience, signal: AbortSignal | undefined): Promise<DescribeResponse> {
    const deadlineMs = Math.min(this.#options.timeoutMs, 10_000);
    const ask = () => this.#client.Describe({}, { deadlineMs, signal });
    const patient = { ...this.#retries, signal, onRetry: this.#logRetry };
    if (patience === 'any') return retry(ask, patient);
    try {
      return await retry(ask, { ...quickRetries, signal });
    } catch (reason) {
      const waits = patience === 'starting' && RpcError.from(reason).retryable && signal?.aborted !== true;
      if (waits && (await this.#listens())) return retry(ask, patient);
      throw reason;
    }
  }

  /** Whether a server listens at the address, ready or not. */
  async #listens(): Promise<boolean> {
    try {
      await checkHealth(this.target, listeningMs, 'gapo.reward.v1.RewardService');
      return true;
    } catch (reason) {
      const { code } = RpcError.from(reason);
      return code === 'UNIMPLEMENTED' || code === 'NOT_FOUND';
    }
  }

  /**
   * Returns the fault of a service that does not answer or has no score for an item. The fault is over once the service describes itself and
   * scores that item.
   */
  fault(item?: Item): Fault {
    const check = async (signal: AbortSignal): Promise<void> => {
      try {
        await this.describe('none', signal);
      } catch (error) {
        const { cause, message } = error as Error;
        throw new Error(cause === undefined ? message : RpcError.from(cause).details, { cause: error });
      }
      if (item === undefined) return;
      const group = { key: itemKey(item), item, indices: [0], bytes: itemBytes(item) };
      const { found } = await this.#scoreBatch([group], 0, signal);
      const outcome = at(found, 0);
      if (!isScore(outcome)) throw new Error(`no score for ${item.id}: ${outcome.message}`);
    };
    return { waitingFor: `reward ${this.objective} at ${this.target}`, check };
  }

  /** The score from which a completion is acceptable, oriented as {@link Scores}; undefined if the service has none. */
  get threshold(): number | undefined {
    const threshold = this.#description?.threshold;
    return threshold === undefined ? undefined : this.#oriented(threshold);
  }

  /** The text form sent to the service. */
  get text(): TextForm {
    return this.#options.text ?? (this.#description?.textForm === 'TEXT_FORM_RAW' ? 'raw' : 'clean');
  }

  /**
   * Scores items in calls within the service's item and byte limits. Equal items are sent once, cached ones not at all. An error from the
   * service becomes a failure of its items and is never thrown.
   *
   * @param onItems receives the number of items processed so far
   * @throws the signal's reason
   */
  score(items: readonly Item[], signal: AbortSignal, onItems?: (done: number) => void): Promise<Scores> {
    return this.scoreParts([Promise.resolve(items)], signal, onItems);
  }

  /**
   * Scores the parts of a batch like {@link score}, each as soon as it arrives. No call mixes items of two parts, so the composition of a call
   * does not depend on the order in which parts arrive.
   *
   * @param onItems receives the number of items processed so far
   * @throws the signal's reason; the reason with which a part rejects
   */
  async scoreParts(
    parts: readonly Promise<readonly Item[]>[],
    signal: AbortSignal,
    onItems?: (done: number) => void,
  ): Promise<Scores> {
    const calls = new Slots(concurrentCalls);
    const busy = new BusyTime();
    let [done, latencyMs] = [0, 0];
    const processed = (count: number): void => {
      if (count > 0) onItems?.((done += count));
    };
    const scored = parts.map(async (part, index) => {
      const items = await part;
      const outcomes = new Array<Outcome>(items.length);
      const groups = this.#grouped(items, outcomes);
      processed(items.length - itemCount(groups));
      const ranges = requestRanges(
        groups.map(({ bytes }) => bytes),
        {
          items: this.#description?.maxBatch || defaultBatch,
          bytes: Math.min(this.#description?.maxBytes || defaultBytes, this.#receivedBytes),
        },
      );
      const call = async ([first, end]: readonly [number, number]): Promise<void> => {
        const batch = groups.slice(first, end);
        const { found, slowestMs } = await calls.run(signal, () =>
          this.#scoreBatch(batch, index * seedStride + first, signal),
        );
        latencyMs = Math.max(latencyMs, slowestMs);
        for (const [k, { indices }] of batch.entries()) for (const index of indices) outcomes[index] = at(found, k);
        processed(itemCount(batch));
      };
      await busy.during(() => Promise.all(ranges.map(call)));
      return { items, outcomes };
    });
    const all = await Promise.all(scored);
    const items = all.flatMap((part) => part.items);
    const outcomes = all.flatMap((part) => part.outcomes);
    const values = outcomes.map((outcome) => (isScore(outcome) ? this.#oriented(outcome) : undefined));
    const failures = outcomes.flatMap((outcome, index) =>
      isScore(outcome) ? [] : [{ index, message: outcome.message }],
    );
    const [first] = failures;
    if (first !== undefined) {
      this.#options.log.warn(
        { objective: this.objective, target: this.target },
        `objective ${this.objective} has no score for ${failures.length} of ${items.length} items (${at(items, first.index).id}: ${first.message})`,
      );
    }
    count('rewardFailures', failures.length, { objective: this.objective });
    const outliers = this.#running.add(values);
    return { values, failures, outliers, latencyMs, seconds: busy.seconds };
  }

  /** Closes the connection. */
  close(): void {
    this.#client.close();
  }

  /** Returns the items to send. Puts cached scores into `outcomes`. */
  #grouped(items: readonly Item[], outcomes: Outcome[]): readonly Group[] {
    const version = this.#description?.version ?? '';
    const groups = new Map<string | number, Group>();
    let misses = 0;
    items.forEach((item, index) => {
      const key = itemKey(item);
      const cached = this.#cache.get(version, key);
      // A service without a version may score equal items differently, so each one is sent.
      const groupKey = version === '' ? index : key;
      const group = groups.get(groupKey);
      if (cached === undefined) misses++;
      if (cached !== undefined) outcomes[index] = cached;
      else if (group === undefined) groups.set(groupKey, { key, item, indices: [index], bytes: itemBytes(item) });
      else group.indices.push(index);
    });
    const { objective } = this;
    count('scoreLookups', misses, { objective, cacheResult: 'miss' });
    count('scoreLookups', items.length - misses, { objective, cacheResult: 'hit' });
    return [...groups.values()];
  }

  /** @param seed sets the jitter, so that calls that fail together are not retried together */
  async #scoreBatch(
    groups: readonly Group[],
    seed: number,
    signal: AbortSignal,
  ): Promise<{ found: readonly Outcome[]; slowestMs: number }> {
    let slowestMs = 0;
    const all = (message: string): Outcome[] => groups.map(() => ({ message, retryable: false }));
    const { rejection } = this.#breaker;
    if (rejection !== undefined) return { found: all(rejection), slowestMs };
    const bytes = byteCount(groups);
    const { maxBytes = 0 } = this.#description ?? {};
    if (maxBytes > 0 && bytes > maxBytes) {
      const limit = `the service receives ${maxBytes} (max_bytes of Describe)`;
      return { found: all(`the item has ${bytes} bytes, but ${limit}; shorten it, or raise the limit`), slowestMs };
    }
    const ask = async (wanted: readonly Group[]): Promise<Outcome[]> => {
      const began = performance.now();
      try {
        return await this.#call(wanted, signal);
      } finally {
        slowestMs = Math.max(slowestMs, performance.now() - began);
      }
    };
    const retryable = (error: RpcError): boolean => error.retryable && !isTooLarge(error, bytes);
    const policy = { ...this.#retries, seed, signal, onRetry: this.#logRetry, retryable };
    const found: Outcome[] = [];
    let wanted = [...groups.keys()];
    const attempt = async (): Promise<void> => {
      const outcomes = await ask(wanted.map((k) => at(groups, k)));
      wanted.forEach((k, i) => (found[k] = at(outcomes, i)));
      wanted = wanted.filter((k) => isRetryable(found[k]));
      if (wanted.length > 0) throw new RpcError('UNAVAILABLE', `${wanted.length} items have no score for the moment`);
    };
    try {
      await retry(attempt, policy);
      return { found, slowestMs };
    } catch (reason) {
      if (signal.aborted) throw signal.reason;
      if (found.length > 0) return { found, slowestMs };
      const error = RpcError.from(reason);
      if (!isTooLarge(error, bytes)) return { found: all(`${error.code}: ${quote(error.details)}`), slowestMs };
      if (groups.length === 1) return { found: [tooLargeAlone(bytes, error)], slowestMs };
      this.#receivedBytes = Math.min(this.#receivedBytes, bytes / 2);
      const middle = Math.ceil(groups.length / 2);
      const before = await this.#scoreBatch(groups.slice(0, middle), seed, signal);
      const after = await this.#scoreBatch(groups.slice(middle), seed, signal);
      return { found: [...before.found, ...after.found], slowestMs: Math.max(before.slowestMs, after.slowestMs) };
    }
  }

  /** How calls are retried while the service recovers. */
  get #retries(): Pick<RetryPolicy, 'attempts' | 'baseDelayMs' | 'maxDelayMs'> {
    const { timeoutMs, retryMs = timeoutMs } = this.#options;
    return patientRetries(Math.min(retryMs, timeoutMs));
  }

  readonly #logRetry = ({ error, attempt }: { error: RpcError; attempt: number }): void =>
    this.#options.log.warn(
      { objective: this.objective, target: this.target },
      `call ${attempt} failed: ${quote(error.details)}`,
    );

  /** Makes one call, or two if the call is hedged. */
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
      this.#checkVersion(version);
      const outcomes = outcomesOf(items, results);
      outcomes.forEach((outcome, k) => {
        if (isScore(outcome)) this.#cache.set(version, at(groups, k).key, outcome);
      });
      return outcomes;
    } catch (reason) {
      const error = RpcError.from(reason);
      const { code, details } = error;
      // An invalid or too large request does not mean that the service is unhealthy.
      const refused = code === 'INVALID_ARGUMENT' || isTooLarge(error, byteCount(groups));
      if (!signal.aborted && !refused) this.#breaker.failed(`${code}: ${quote(details)}`);
      throw reason;
    }
  }

  /** Warns once if the service's version changes during a run, which makes its rewards incomparable. */
  #checkVersion(version: string): void {
    const known = this.#description;
    if (known === undefined || version === '' || version === known.version) return;
    this.#options.log.warn(
      { objective: this.objective, target: this.target, from: known.version, to: version },
      `the reward service of ${this.objective} changed its version`,
    );
    this.#description = { ...known, version };
  }

  #oriented(score: number): number {
    return this.#description?.orientation === 'ORIENTATION_LOWER_IS_BETTER' ? -score : score;
  }
}

/** A group of equal items. */
interface Group {
  readonly key: string;
  /** The one that is sent. */
  readonly item: Item;
  /** Their indices in the batch. */
  readonly indices: number[];
  /** Size of the item in a request. */
  readonly bytes: number;
}

function byteCount(groups: readonly Group[]): number {
  return groups.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The failure of an item that is too large even in a request of its own. */
function tooLargeAlone(bytes: number, { details }: RpcError): ItemFailure {
  const message =
    `the item has ${bytes} bytes, more than the service receives (${quote(details)}); raise its limit ` +
    '(grpc.max_receive_message_length in Python), and state it as max_bytes in Describe';
  return { message, retryable: false };
}

function itemCount(groups: readonly Group[]): number {
  return groups.reduce((sum, { indices }) => sum + indices.length, 0);
}
