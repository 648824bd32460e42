/** Prompts: a text, or a conversation that asks for a reply. */
import type { Prompt } from '@gapo/model';
import { UserError } from '@gapo/service';
import { type Columns, textOf } from './columns.js';
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

/** Takes Alpaca's `instruction` with its `input`. */
export function takeInstruction(columns: Columns): Prompt {
  const instruction = columns.text('instruction');
  const input = columns.take('input');
  if (input === undefined || input === '') return promptOfText(instruction);
  return promptOfText(`${instruction}\n\n${textOf(input, columns.label('input'))}`);
}
