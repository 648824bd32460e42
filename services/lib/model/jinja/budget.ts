/** Limits the work of a rendering, so that an endless template fails at the same point on every machine. */
import { TemplateError } from './templateError.js';

/** Expressions, statements and items; a long conversation takes about ten thousand. */
const mostSteps = 2_000_000;
/** Characters of a text that count as one step. */
const charactersPerStep = 32;

/** The work of one rendering. */
export class Budget {
  #steps = 0;

  /**
   * Counts a step.
   *
   * @throws TemplateError if there were too many
   */
  step(count = 1): void {
    this.#steps += count;
    if (this.#steps > mostSteps) {
      throw new TemplateError(`takes more than ${mostSteps} steps; it repeats too much`);
    }
  }

  /**
   * Counts the writing of a text.
   *
   * @throws TemplateError if it was too much
   */
  charge(characters: number): void {
    this.step(1 + Math.floor(characters / charactersPerStep));
  }
}
