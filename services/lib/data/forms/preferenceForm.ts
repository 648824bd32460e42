/** Preferences: two replies to one prompt, which is given, or which both conversations begin with. */
import type { Prompt } from '@gapo/model';
import { at } from '@gapo/numeric';
import { UserError } from '@gapo/service';
import { type Columns, kindOf, textOf } from './columns.js';
import { promptOfText, promptOfTurns, takePrompt } from './prompt.js';
import { refuseTools } from './tools.js';
import { type DataTurn, transcriptTurns, turnsOf } from './turns.js';

/** Two replies to one prompt. */
export interface Preference {
  readonly prompt: Prompt;
  readonly chosen: string;
  readonly rejected: string;
}

type Replies = readonly [chosen: string | readonly DataTurn[], rejected: string | readonly DataTurn[]];

/**
 * Takes `chosen` and `rejected`, with their `prompt` if it is given. They are replies, or whole conversations: as messages
 * or as transcripts of HH-RLHF. Without a prompt, the prompt is their common beginning, as in TRL.
 *
 * @throws UserError that names the column that is wrong
 */
export function preferenceForm(columns: Columns): Preference {
  refuseUnpaired(columns);
  refuseTools(columns);
  const replies: Replies = [takeReply(columns, 'chosen'), takeReply(columns, 'rejected')];
  const [chosen, rejected] = replies;
  if (typeof chosen === 'string' && typeof rejected === 'string') {
    if (!columns.has('prompt')) return ofTexts(chosen, rejected);
    return { prompt: takePrompt(columns), chosen, rejected };
  }
  if (typeof chosen === 'string' || typeof rejected === 'string') {
    throw new UserError(`rejected: found ${kindOf(rejected)}, expected what chosen is: both texts, or both messages`);
  }
  const given = columns.has('prompt') ? takePrompt(columns) : undefined;
  // Whole conversations next to their prompt, as in UltraFeedback's binarized form, contain it.
  if (given === undefined || chosen.length > 1 || rejected.length > 1) return ofConversations(chosen, rejected, given);
  return { prompt: given, chosen: replyOf(chosen, 'chosen'), rejected: replyOf(rejected, 'rejected') };
}

function refuseUnpaired(columns: Columns): void {
  if (columns.has('chosen') || columns.has('rejected') || !columns.has('completion') || !columns.has('label')) return;
  throw new UserError(
    'completion, label: an unpaired preference, as for KTO; a line is {"prompt", "chosen", "rejected"} with two replies to one prompt',
  );
}

/**
 * Takes one reply. A transcript counts as messages.
 *
 * @throws UserError if it is neither a text nor messages
 */
function takeReply(columns: Columns, name: 'chosen' | 'rejected'): string | readonly DataTurn[] {
  const label = columns.label(name);
  const value = columns.take(name);
  if (typeof value !== 'string') {
    if (value === undefined)
      throw new UserError(`${label}: found nothing, expected a text or messages; the columns are ${columns.names}`);
    return turnsOf(value, label);
  }
  return transcriptTurns(textOf(value, label)) ?? value;
}

/**
 * Splits two texts where they begin to differ. A space there belongs to the replies, as tokenizers have it.
 *
 * @throws UserError if they have no common beginning, or are the same
 */
function ofTexts(chosen: string, rejected: string): Preference {
  let length = 0;
  while (length < Math.min(chosen.length, rejected.length) && chosen[length] === rejected[length]) length += 1;
  // Not within a surrogate pair.
  if (/[\ud800-\udbff]/.test(chosen[length - 1] ?? '')) length -= 1;
  if (chosen[length - 1] === ' ') length -= 1;
  if (length <= 0) {
    throw new UserError('prompt: found nothing, and chosen and rejected have no common beginning; give the prompt');
  }
  const replies = [chosen.slice(length), rejected.slice(length)] as const;
  if (replies[0] === replies[1]) throw new UserError('rejected: is the same text as chosen; remove the line');
  return { prompt: promptOfText(chosen.slice(0, length)), chosen: replies[0], rejected: replies[1] };
}

/**
 * Splits two conversations where they begin to differ. Each must have one reply of the assistant after that.
 *
 * @throws UserError if they are the same, or have no common beginning
 */
function ofConversations(
  chosen: readonly DataTurn[],
  rejected: readonly DataTurn[],
  given: Prompt | undefined,
): Preference {
  const length = sharedTurns(chosen, rejected);
  if (length === chosen.length && length === rejected.length) {
    throw new UserError('rejected: is the same conversation as chosen; remove the line');
  }
  return {
    prompt: sharedPrompt(chosen.slice(0, length), given),
    chosen: replyOf(chosen.slice(length), 'chosen'),
    rejected: replyOf(rejected.slice(length), 'rejected'),
  };
}

function sharedTurns(chosen: readonly DataTurn[], rejected: readonly DataTurn[]): number {
  const differs = chosen.findIndex(
    ({ role, content }, i) => role !== rejected[i]?.role || content !== rejected[i].content,
  );
  return differs < 0 ? chosen.length : differs;
}

/**
 * Returns the prompt of two conversations. One that is given as messages may begin before them, with a system turn.
 *
 * @throws UserError if there is none, or the one that is given is another
 */
function sharedPrompt(shared: readonly DataTurn[], given: Prompt | undefined): Prompt {
  if (shared.length === 0) {
    if (given !== undefined) return given;
    throw new UserError('rejected: begins differently from chosen; a pair compares two replies to one prompt');
  }
  const prompt = promptOfTurns(shared, 'chosen');
  if (given === undefined || given.text !== undefined) return prompt;
  const end = JSON.stringify(given.turns.slice(-shared.length));
  if (end === JSON.stringify(prompt.turns)) return given;
  throw new UserError('prompt: differs from what chosen and rejected begin with; leave it out, or make them equal');
}

function replyOf(turns: readonly DataTurn[], label: string): string {
  if (turns.length !== 1 || turns[0]?.role !== 'assistant') {
    throw new UserError(
      `${label}: has ${turns.length} turns after the prompt, the last by "${turns.at(-1)?.role ?? 'nobody'}"; expected one by "assistant"`,
    );
  }
  return textOf(at(turns, 0).content, `${label}.content`);
}
