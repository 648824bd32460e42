/**
 * How many tokens one run of a model may hold. A call that comes while a run is under way waits for its end, so that a
 * run is to take no more than a share of the latency that the service aims at: its size follows the model's speed, which
 * is measured as it runs. Scores do not depend on it.
 */
import { fewestRows } from './feeds.js';

/** A run's share of the latency bound. Under half load a call waits for about a run that it is no part of, and its own. */
const share = 1 / 4;

/** Tokens of a run before anything is known of the model. */
const firstTokens = 1024;

/** Tokens of a run at the most: larger matrix products are no faster, and memory for attention grows with each. */
const mostTokens = 16_384;

/** What the newest run counts for in the speed. */
const newest = 1 / 8;

/** The size of a model's runs. */
export class RunSize {
  readonly #runMs: number;
  #tokensPerMs: number | undefined;

  /** @param latencyBoundMs the latency that the service aims at. */
  constructor(latencyBoundMs: number) {
    this.#runMs = share * latencyBoundMs;
  }

  /** Rows of a run of one padded length. */
  rows(length: number): number {
    const tokens =
      this.#tokensPerMs === undefined ? firstTokens : Math.min(this.#tokensPerMs * this.#runMs, mostTokens);
    return Math.max(fewestRows, Math.floor(tokens / length));
  }

  /** A run of so many tokens, padding included, took so long. */
  ran(tokens: number, ms: number): void {
    const speed = tokens / Math.max(ms, 1e-3);
    this.#tokensPerMs =
      this.#tokensPerMs === undefined ? speed : this.#tokensPerMs + newest * (speed - this.#tokensPerMs);
  }
}
