/** Definitions of tools, which a chat template would write into the prompt. */
import { UserError } from '@gapo/service';
import { type Columns, kindOf } from './columns.js';

/** @throws UserError if the row defines tools, which a template would write into the prompt */
export function refuseTools(columns: Columns): void {
  for (const name of ['tools', 'functions']) {
    const value = columns.has(name) ? columns.take(name) : undefined;
    if (value === undefined || value === '' || value === '[]' || (Array.isArray(value) && value.length === 0)) continue;
    throw new UserError(
      `${name}: found ${kindOf(value)}; tool calls cannot be trained on; remove the column or the line`,
    );
  }
}
