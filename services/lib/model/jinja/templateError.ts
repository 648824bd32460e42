/** A template cannot be parsed, fails, or rejects its input. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
  /** The line of the template, from 1; 0 until it is known. */
  line: number;

  constructor(message: string, line = 0) {
    super(message);
    this.line = line;
  }
}

/** Returns the error of a value with the wrong type. */
export function typeError(message: string): TemplateError {
  return new TemplateError(`TypeError: ${message}`);
}
