/**
 * Jinja templates, rendered as transformers 5 renders chat templates: Jinja 3.1 in its immutable sandbox with
 * `trim_blocks` and `lstrip_blocks`, loop controls and `generation` blocks, on values that behave like Python's.
 */
import { Budget } from './budget.js';
import { globalFunctions } from './globals.js';
import { parseTemplate } from './parser.js';
import { Renderer } from './renderer.js';
import { Scope } from './scope.js';
import type { Statement } from './syntax.js';
import { TemplateError } from './templateError.js';
import { fromJson } from './values.js';

/** A parsed template. */
export class Template {
  readonly #statements: readonly Statement[];

  /** @throws TemplateError with the line, if the text is not a template */
  constructor(source: string) {
    this.#statements = parseTemplate(source);
  }

  /**
   * Renders the template.
   *
   * @param variables JSON values by name
   * @param now the time used by `strftime_now`
   * @throws TemplateError with the line, if the template fails, rejects the variables, or takes too many steps
   */
  render(variables: Readonly<Record<string, unknown>>, now: Date): string {
    const globals = new Scope();
    for (const [name, value] of globalFunctions(now)) globals.set(name, value);
    const scope = new Scope(globals);
    for (const [name, value] of Object.entries(variables)) scope.set(name, fromJson(value));
    try {
      return new Renderer(new Budget()).template(this.#statements, scope);
    } catch (error) {
      if (error instanceof RangeError) throw new TemplateError(`nests too deeply: ${error.message}`);
      throw error;
    }
  }
}
