/** Mean and deviation of all scores of an objective so far, and scores that are far from them. For reports: they decide nothing. */

/** Scores before any is called an outlier. */
const fewest = 200;

/** Standard deviations from the mean beyond which a score is one. */
const far = 8;

/** A score that is far from all before it. */
export interface Outlier {
  /** Its place in the batch. */
  readonly index: number;
  readonly score: number;
  /** Standard deviations from the mean. */
  readonly deviations: number;
}

/** Running moments by Welford's recurrence (1962), in float64. */
export class RunningScores {
  #count = 0;
  #mean = 0;
  /** Sum of squared distances from the mean. */
  #squares = 0;

  /** Scores so far. */
  get count(): number {
    return this.#count;
  }

  /** Their mean; undefined before the first. */
  get mean(): number | undefined {
    return this.#count === 0 ? undefined : this.#mean;
  }

  /** Their population standard deviation; undefined before the first. */
  get std(): number | undefined {
    return this.#count === 0 ? undefined : Math.sqrt(this.#squares / this.#count);
  }

  /**
   * Takes a batch in, and says which of its scores are outliers among those before it.
   *
   * @param scores undefined where there is none
   */
  add(scores: readonly (number | undefined)[]): Outlier[] {
    const [mean, std] = [this.#mean, this.std ?? 0];
    const known = this.#count >= fewest && std > 0;
    const outliers: Outlier[] = [];
    scores.forEach((score, index) => {
      if (score === undefined) return;
      const deviations = (score - mean) / std;
      if (known && Math.abs(deviations) > far) outliers.push({ index, score, deviations });
      this.#count += 1;
      const before = score - this.#mean;
      this.#mean += before / this.#count;
      this.#squares += before * (score - this.#mean);
    });
    return outliers;
  }
}
