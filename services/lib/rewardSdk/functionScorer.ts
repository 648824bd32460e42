/** A scorer from a function of one item, with concurrency, time limits and errors per item. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { messageOf } from '@gapo/rpc';
import type { Orientation, Outcome, ScoreItem, Scorer, TextForm } from './scorer.js';

/** A reward: its objective and the function that computes it. */
export interface Reward {
  /** The objective's name, a word. */
  readonly objective: string;
  /**
   * Returns the score of one item: a finite number. An error means that the item has no score; a {@link NoScore} states
   * whether the same item may succeed later.
   *
   * It runs on the event loop: computations of more than some milliseconds belong in a worker thread.
   *
   * @param signal aborts when the call is cancelled, or the item has taken too long
   */
  readonly score: (item: ScoreItem, signal: AbortSignal) => number | Promise<number>;
  /** A readable name of what computes the score. @default the objective's name and "by a function" */
  readonly model?: string;
  /**
   * Changes whenever the same item may get another score: the coordinator caches scores by it.
   * @default a digest of the program's main file
   */
  readonly version?: string;
  /** @default 'higher_is_better' */
  readonly orientation?: Orientation;
  /** The smallest possible score, if bounded. */
  readonly minimum?: number;
  /** The largest possible score, if bounded. */
  readonly maximum?: number;
  /** The score from which a completion is acceptable. */
  readonly threshold?: number;
  /** The form of text that it scores: clean, or raw with special tokens and chat template. @default 'clean' */
  readonly text?: TextForm;
  /** Items that are scored at the same time. @default 16 */
  readonly concurrency?: number;
  /** The time limit of one item, in milliseconds. @default 10000 */
  readonly itemTimeoutMs?: number;
}

/**
 * The reason why an item has no score.
 *
 * @example
 * A judge that may be busy, in which case the item is retried:
 *
 * ```ts
 * import { NoScore, serveReward } from '@gapo/reward';
 *
 * await serveReward({
 *   objective: 'kind',
 *   version: 'judge-7',
 *   async score({ prompt, completion }, signal) {
 *     const body = JSON.stringify({ prompt, completion });
 *     const response = await fetch('http://127.0.0.1:9000/judge', { method: 'POST', body, signal });
 *     if (response.status === 429) throw new NoScore('the judge is busy', { retryable: true });
 *     const { score } = (await response.json()) as { score: number };
 *     return score;
 *   },
 * });
 * ```
 */
export class NoScore extends Error {
  override readonly name = 'NoScore';
  /** Whether the same item may succeed later. */
  readonly retryable: boolean;

  constructor(message: string, { retryable = false, cause }: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, { cause });
    this.retryable = retryable;
  }
}

/** The most milliseconds that synchronous functions block the event loop, beyond the one in progress. */
const longestTurnMs = 20;

/**
 * Creates a scorer that calls the function once per item.
 *
 * @throws RangeError if the concurrency or the time limit is invalid, or the range is empty
 *
 * @example
 * ```ts
 * import { functionScorer } from '@gapo/reward';
 *
 * const scorer = functionScorer({
 *   objective: 'polite',
 *   version: '1',
 *   minimum: 0,
 *   maximum: 1,
 *   score: ({ completion }) => (completion.includes('please') ? 1 : 0),
 * });
 * const prompt = 'Where is it?';
 * const turns = [{ role: 'user', content: prompt }];
 * const items = [{ prompt, turns, completion: 'In room two, please knock.', metadata: {} }];
 * console.log(await scorer.score(items, AbortSignal.timeout(60_000))); // [ { score: 1 } ]
 * await scorer.close();
 * ```
 */
export function functionScorer(reward: Reward): Scorer {
  const { objective, score, concurrency = 16, itemTimeoutMs = 10_000, minimum, maximum } = reward;
  if (!Number.isInteger(concurrency) || concurrency < 1)
    throw new RangeError(`concurrency is ${concurrency}; it must be a whole number of at least 1`);
  if (!(itemTimeoutMs > 0)) throw new RangeError(`itemTimeoutMs is ${itemTimeoutMs}; it must be over 0`);
  if (minimum !== undefined && maximum !== undefined && !(minimum < maximum))
    throw new RangeError(`minimum is ${minimum} and maximum ${maximum}; the minimum must be less`);

  const one = async (item: ScoreItem, signal: AbortSignal): Promise<Outcome> => {
    const late = AbortSignal.timeout(itemTimeoutMs);
    const either = AbortSignal.any([signal, late]);
    try {
      const value = await abortable(Promise.resolve(score(item, either)), either);
      if (typeof value !== 'number') return problem(`the score is of type ${typeof value}, not a number`);
      return { score: value };
    } catch (error) {
      signal.throwIfAborted();
      if (late.aborted) return problem(`no score within ${itemTimeoutMs} ms`, true);
      const message = messageOf(error);
      return problem(message, error instanceof NoScore && error.retryable);
    }
  };

  return {
    description: {
      objective,
      model: reward.model ?? `${objective} by a function`,
      version: reward.version ?? programDigest(),
      orientation: reward.orientation ?? 'higher_is_better',
      minimum,
      maximum,
      threshold: reward.threshold,
      maxTokens: 0,
      textForm: reward.text,
    },
    async score(items, signal) {
      const outcomes = new Array<Outcome>(items.length);
      const queue = items.entries(); // shared by the lanes
      let turnBegan = performance.now();
      const lane = async (): Promise<void> => {
        for (const [index, item] of queue) {
          signal.throwIfAborted();
          outcomes[index] = await one(item, signal);
          if (performance.now() - turnBegan > longestTurnMs) {
            await nextTurn();
            turnBegan = performance.now();
          }
        }
      };
      await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, lane));
      return outcomes;
    },
    close: async () => undefined,
  };
}

function problem(message: string, retryable = false): Outcome {
  return { problem: message, retryable };
}

/** Settles with `work`, or rejects when the signal aborts. */
function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/**
 * Identifies the running program by its main file's content.
 *
 * @throws RangeError if the program has no main file
 */
function programDigest(): string {
  const [, main] = process.argv;
  if (main === undefined) throw new RangeError('the program has no main file to derive a version from: give a version');
  return createHash('sha256').update(readFileSync(main)).digest('hex').slice(0, 16);
}
