/** Prompts: a text, or a conversation that asks for a reply. */
import type { Prompt } from '@gapo/model';
import { UserError } from '@gapo/service';
import { type Columns, kindOf, textOf } from './columns.js';
import { type DataTurn, transcriptTurns, turnsOf } from './turns.js';

/** Returns a text as a prompt: a transcript as its turns, any other text as one turn of the user. */
export function promptOfText(text: string): Prompt {
  const turns = transcriptTurns(text);
  return { text, turns: turns === undefined ? [{ role: 'user', content: text }] : plain(turns) };
}

/**
 * Returns turns as a prompt.
 *
 * @throws UserError if the last one is the assistant's
 */
export function promptOfTurns(turns: readonly DataTurn[], label: string): Prompt {
  if (turns.at(-1)?.role === 'assistant') {
    throw new UserError(`${label}: the last turn is the assistant's; a prompt ends with the turn to reply to`);
  }
  return { text: undefined, turns: plain(turns) };
}

/** Returns turns without what only data sets know. */
export function plain(turns: readonly DataTurn[]): Prompt['turns'] {
  return turns.map(({ role, content }) => ({ role, content }));
}

/**
 * Takes `prompt`, a text or messages.
 *
 * @throws UserError if it is neither
 */
export function takePrompt(columns: Columns): Prompt {
  const label = columns.label('prompt');
  const value = columns.take('prompt');
  if (typeof value === 'string') return promptOfText(textOf(value, label));
  return promptOfTurns(turnsOf(value, label), label);
}

/**
 * Takes Alpaca's `instruction` with its `input`, and `system` and `history`, which LLaMA-Factory adds.
 *
 * @throws UserError if one of them is of another kind
 */
export function takeInstruction(columns: Columns): Prompt {
  const instruction = columns.text('instruction');
  const input = columns.take('input');
  const text =
    input === undefined || input === '' ? instruction : `${instruction}\n\n${textOf(input, columns.label('input'))}`;
  const prompt = promptOfText(text);
  const earlier = withSystem(columns, takeHistory(columns));
  return earlier.length === 0 ? prompt : { text: undefined, turns: [...plain(earlier), ...prompt.turns] };
}

/** Takes `history`: pairs of what the user and the assistant said before. */
function takeHistory(columns: Columns): readonly DataTurn[] {
  const label = columns.label('history');
  const value = columns.take('history') ?? [];
  const pairs = Array.isArray(value) ? (value as unknown[]) : [value];
  return pairs.flatMap((pair, i) => {
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw new UserError(`${label}[${i}]: found ${kindOf(pair)}, expected a question and its answer: ["…", "…"]`);
    }
    const [asked, answered] = (pair as unknown[]).map((said, j) => textOf(said, `${label}[${i}][${j}]`));
    return [
      { role: 'user', content: asked ?? '', learned: true },
      { role: 'assistant', content: answered ?? '', learned: true },
    ];
  });
}

/**
 * Returns a conversation with the system turn that the column `system` has beside it, as in ShareGPT's and Alpaca's files.
 *
 * @throws UserError if the conversation begins with another one
 */
export function withSystem(columns: Columns, turns: readonly DataTurn[]): readonly DataTurn[] {
  const value = columns.has('system') ? columns.take('system') : undefined;
  if (value === undefined || value === '') return turns;
  const content = textOf(value, columns.label('system'));
  const [first] = turns;
  if (first?.role !== 'system') return [{ role: 'system', content, learned: true }, ...turns];
  if (first.content === content) return turns;
  throw new UserError(`${columns.label('system')}: the conversation begins with another system turn; keep one of them`);
}
