/** What can be wrong with a model directory, said so that its owner can mend it. */

/** A model directory or one of its files is missing, damaged or contradicts itself. */
export class ModelError extends Error {
  override readonly name = 'ModelError';
  /** For the caller to mend, not a defect. */
  readonly expected = true;
  /** The file or directory. */
  readonly path: string;

  constructor(path: string, problem: string) {
    super(`${path}: ${problem}`);
    this.path = path;
  }
}
