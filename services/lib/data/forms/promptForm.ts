/** Rows of prompts, in any of the forms that data sets have. */
import type { Prompt } from '@gapo/model';
import { UserError } from '@gapo/service';
import type { Columns } from './columns.js';
import { preferenceForm } from './preferenceForm.js';
import { promptOfText, promptOfTurns, takeInstruction, takePrompt, withSystem } from './prompt.js';
import { refuseTools } from './tools.js';
import { turnsOf } from './turns.js';

/** The columns that a prompt can come from, for errors. */
const sources = 'prompt, messages, conversations, instruction, text, or chosen and rejected';

/**
 * Takes a row's prompt: `prompt`; a conversation without its last reply (`messages`, ShareGPT's `conversations`); Alpaca's
 * `instruction`; `text`; or the common beginning of `chosen` and `rejected`.
 *
 * @throws UserError that names the column that is wrong, or the columns found
 */
export function promptForm(columns: Columns): Prompt {
  if (columns.has('prompt')) return takePrompt(columns);
  for (const name of ['messages', 'conversations']) {
    if (!columns.has(name)) continue;
    refuseTools(columns);
    const label = columns.label(name);
    const turns = withSystem(columns, turnsOf(columns.take(name), label));
    const asked = turns.at(-1)?.role === 'assistant' ? turns.slice(0, -1) : turns;
    if (asked.length === 0) throw new UserError(`${label}: has no turn before the reply, so there is no prompt`);
    return promptOfTurns(asked, label);
  }
  if (columns.has('instruction')) return takeInstruction(columns);
  if (columns.has('text')) return promptOfText(columns.text('text'));
  if (columns.has('chosen') && columns.has('rejected')) return preferenceForm(columns).prompt;
  throw new UserError(
    `prompt: found nothing, expected one of ${sources}; the columns are ${columns.names}: name the right one with data.map`,
  );
}
