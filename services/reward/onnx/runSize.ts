/**
 * Determines how many tokens one run of a model may have. A call that arrives during a run waits for it to end, so a run
 * may take only a share of the target latency. Its size follows the model's measured speed. Scores do not depend on it.
 */
import { fewestRows } from './feeds.js';

/** A run's share of the latency bound. At half load, a call waits for about one other run and then for its own. */
const share = 1 / 4;

/** Tokens of a run before the speed is known. */
const firstTokens = 1024;

/** Maximum number of tokens in a run: larger matrix products are no faster, and attention takes memory for each token. */
const mostTokens = 16_384;

/** The weight of the newest run in the speed, an exponential moving average. */
const newest = 1 / 8;

export class RunSize {
  readonly #runMs: number;
  #tokensPerMs: number | undefined;

  /** @param latencyBoundMs the target latency of a call */
  constructor(latencyBoundMs: number) {
    this.#runMs = share * latencyBoundMs;
  }

  /** Returns the maximum number of rows in a run of a padded length. */
  rows(length: number): number {
    const tokens =
      this.#tokensPerMs === undefined ? firstTokens : Math.min(this.#tokensPerMs * this.#runMs, mostTokens);
    return Math.max(fewestRows, Math.floor(tokens / length));
  }

  /** Records the duration of a run. @param tokens includes padding */
  ran(tokens: number, ms: number): void {
    const speed = tokens / Math.max(ms, 1e-3);
    this.#tokensPerMs =
      this.#tokensPerMs === undefined ? speed : this.#tokensPerMs + newest * (speed - this.#tokensPerMs);
  }
}
