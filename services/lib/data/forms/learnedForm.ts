/** Rows to learn from: texts, prompts with their completions, and conversations. */
import type { Prompt } from '@gapo/model';
import { UserError } from '@gapo/service';
import { type Columns, kindOf, textOf } from './columns.js';
import { takeInstruction, takePrompt, withSystem } from './prompt.js';
import { refuseTools } from './tools.js';
import { type DataTurn, turnsOf } from './turns.js';

/** What a row teaches: a text from its second token on, a completion, or the assistant's turns that are marked as learned. */
export type Learned =
  | { readonly text: string }
  | { readonly prompt: Prompt; readonly completion: string }
  | { readonly turns: readonly DataTurn[] };

/**
 * Takes the first that a row has: a conversation (`messages`, or ShareGPT's `conversations`); `prompt` with `completion`, each
 * a text or messages; Alpaca's `instruction`, `input` and `output`; `text`.
 *
 * @throws UserError that names the column that is wrong, or the columns found
 */
export function learnedForm(columns: Columns): Learned {
  for (const name of ['messages', 'conversations']) {
    if (!columns.has(name)) continue;
    refuseTools(columns);
    return { turns: withSystem(columns, turnsOf(columns.take(name), columns.label(name))) };
  }
  if (columns.has('completion')) return exchange(columns);
  if (columns.has('instruction') && columns.has('output')) {
    return { prompt: takeInstruction(columns), completion: columns.text('output') };
  }
  if (columns.has('text')) return { text: columns.text('text') };
  if (columns.has('chosen') && columns.has('rejected')) {
    throw new UserError(
      'chosen, rejected: pairs are for algorithm dpo and gapo reward train; to learn the chosen ones, map messages to chosen',
    );
  }
  const missing = columns.has('prompt') ? 'completion' : columns.has('instruction') ? 'output' : undefined;
  throw new UserError(
    missing === undefined
      ? `found none of text, prompt with completion, messages, conversations, and instruction with output; the columns are ` +
          `${columns.names}: map the right ones`
      : `${columns.label(missing)}: found nothing, expected a text; the columns are ${columns.names}`,
  );
}

function exchange(columns: Columns): Learned {
  if (columns.has('label')) {
    throw new UserError(
      'label: an unpaired preference, as for KTO, whose completions are not all good; keep those with a true label, without that column',
    );
  }
  refuseTools(columns);
  if (!columns.has('prompt'))
    throw new UserError(`${columns.label('prompt')}: found nothing, expected a text or messages`);
  const prompt = takePrompt(columns);
  const label = columns.label('completion');
  const value = columns.take('completion');
  if (typeof value === 'string') return { prompt, completion: textOf(value, label) };
  const completion = turnsOf(value, label);
  const [first, ...more] = completion;
  if (first?.role !== 'assistant') {
    throw new UserError(`${label}[0].role: found "${first?.role ?? kindOf(first)}", expected "assistant"`);
  }
  if (more.length === 0 && first.learned) return { prompt, completion: textOf(first.content, `${label}[0].content`) };
  return { turns: [...prompt.turns.map((turn) => ({ ...turn, learned: false })), ...completion] };
}
