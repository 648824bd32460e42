/** Estimates the time left for a sequence of training runs and evaluations. */
import { stepsTaken, type RunProgress, type WholeProgress } from '../render/runProgress.js';

/** Accumulates times while policies are trained one after another. */
export class FrontEta {
  readonly #labels: readonly string[];
  readonly #now: () => number;
  #part = 0;
  #steps = 0;
  #stepSeconds = 0;
  #evaluations = 0;
  #evaluationSeconds = 0;
  #lastStep: number | undefined;

  /**
   * @param labels one for each policy to train, in order
   * @param now a clock, in milliseconds
   */
  constructor(labels: readonly string[], now: () => number = () => performance.now()) {
    this.#labels = labels;
    this.#now = now;
  }

  /** Begins the next policy. */
  next(): void {
    this.#part += 1;
    this.#lastStep = undefined;
  }

  /** Returns the overall progress, given that of the current policy. */
  whole(progress: RunProgress): WholeProgress {
    const step = stepsTaken(progress);
    const { totalSteps } = progress.run;
    if (progress.last !== undefined && step !== this.#lastStep) {
      this.#steps += 1;
      this.#stepSeconds += progress.last.seconds;
    }
    this.#lastStep = step;
    const later = this.#labels.length - this.#part;
    const stepsLeft = totalSteps - step + later * totalSteps;
    const evaluation = this.#evaluations === 0 ? 0 : this.#evaluationSeconds / this.#evaluations;
    const etaSeconds =
      this.#steps === 0 ? undefined : (stepsLeft * this.#stepSeconds) / this.#steps + (later + 1) * evaluation;
    return { part: this.#part, of: this.#labels.length, label: this.#labels[this.#part - 1] ?? '', etaSeconds };
  }

  /** Measures an evaluation. */
  async evaluating<T>(work: () => Promise<T>): Promise<T> {
    const start = this.#now();
    const result = await work();
    this.#evaluations += 1;
    this.#evaluationSeconds += (this.#now() - start) / 1000;
    return result;
  }
}
