/** Running mean and standard deviation of an objective's scores, and outliers among them. Only reports use them. */

/** Number of scores before outliers are reported. */
const minCount = 200;

/** An outlier is more standard deviations from the mean than this. */
const maxDeviations = 8;

/** A score that is far from the mean of the scores before it. */
export interface Outlier {
  /** Its index in the batch. */
  readonly index: number;
  readonly score: number;
  /** Signed distance from the mean in standard deviations. */
  readonly deviations: number;
}

/** Running moments by Welford's recurrence (1962), in float64. */
export class RunningScores {
  #count = 0;
  #mean = 0;
  /** Sum of squared deviations from the mean. */
  #squares = 0;

  /**
   * Adds a batch and returns its outliers relative to the scores before it.
   *
   * @param scores undefined for an item without a score
   */
  add(scores: readonly (number | undefined)[]): Outlier[] {
    const mean = this.#mean;
    const std = Math.sqrt(this.#squares / this.#count); // population; NaN without scores
    const known = this.#count >= minCount && std > 0;
    const outliers: Outlier[] = [];
    scores.forEach((score, index) => {
      if (score === undefined) return;
      const deviations = (score - mean) / std;
      if (known && Math.abs(deviations) > maxDeviations) outliers.push({ index, score, deviations });
      this.#count += 1;
      const before = score - this.#mean;
      this.#mean += before / this.#count;
      this.#squares += before * (score - this.#mean);
    });
    return outliers;
  }
}
