/** Errors about model directories. */
import { UserError } from '@gapo/service';

/** A model directory or one of its files is missing, damaged or inconsistent. */
export class ModelError extends UserError {
  override readonly name = 'ModelError';
  /** The file or directory. */
  readonly path: string;

  constructor(path: string, problem: string) {
    super(`${path}: ${problem}`);
    this.path = path;
  }
}
