/** Conversations as data sets write them: messages of OpenAI and TRL, ShareGPT's, and HH-RLHF's transcripts. */
import type { Turn } from '@gapo/model';
import { UserError } from '@gapo/service';
import { kindOf, wellFormed } from './columns.js';

/** A turn, and whether training may learn it. */
export interface DataTurn extends Turn {
  /** False for a turn of the assistant that its data set excludes (`weight: 0`). */
  readonly learned: boolean;
}

/** ShareGPT's names of roles. */
const shareGptRoles: Readonly<Record<string, string>> = {
  human: 'user',
  user: 'user',
  gpt: 'assistant',
  chatgpt: 'assistant',
  assistant: 'assistant',
  system: 'system',
};

const toolRoles = ['tool', 'function', 'ipython', 'function_call', 'function_response', 'observation'];

/** Keys of a message whose meaning would be lost, with what to do. */
const lostKeys: Readonly<Record<string, string>> = {
  tool_calls: 'tool calls cannot be trained on; remove the line',
  function_call: 'tool calls cannot be trained on; remove the line',
  reasoning_content: 'write it into content, as <think>…</think>',
  thinking: 'write it into content, as <think>…</think>',
  reasoning: 'write it into content, as <think>…</think>',
};

type Fields = Readonly<Record<string, unknown>>;

/**
 * Returns messages as turns: a list of `{role, content}` or ShareGPT's `{from, value}`, or an object of lists, which is how
 * Hugging Face's `Sequence` of objects stores them.
 *
 * @throws UserError that names the message and the key that is wrong
 */
export function turnsOf(value: unknown, label: string): readonly DataTurn[] {
  const messages = Array.isArray(value) ? (value as unknown[]) : transposed(value);
  if (messages === undefined || messages.length === 0) {
    throw new UserError(`${label}: found ${kindOf(value)}, expected messages [{"role", "content"}, ...]`);
  }
  return messages.map((message, i) => turnOf(message, `${label}[${i}]`));
}

/** Returns an object of equally long lists as a list of objects; undefined for any other value. */
function transposed(value: unknown): readonly Fields[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const columns = Object.entries(value) as [string, unknown][];
  const [first] = columns;
  const length = Array.isArray(first?.[1]) ? first[1].length : 0;
  const lists = columns.filter((column): column is [string, unknown[]] => Array.isArray(column[1]));
  if (lists.length !== columns.length || lists.some(([, list]) => list.length !== length)) return undefined;
  return Array.from({ length }, (_, i) => Object.fromEntries(lists.map(([key, list]) => [key, list[i]])));
}

function turnOf(value: unknown, label: string): DataTurn {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UserError(`${label}: found ${kindOf(value)}, expected {"role", "content"}`);
  }
  const message = value as Fields;
  for (const [key, remedy] of Object.entries(lostKeys)) {
    if (isGiven(message[key])) throw new UserError(`${label}.${key}: ${remedy}`);
  }
  const [roleKey, contentKey] =
    isGiven(message['from']) && !isGiven(message['role']) ? ['from', 'value'] : ['role', 'content'];
  const given = message[roleKey];
  if (typeof given !== 'string' || given === '') {
    throw new UserError(`${label}.${roleKey}: found ${kindOf(given)}, expected a role, such as "user" or "assistant"`);
  }
  if (toolRoles.includes(given)) {
    throw new UserError(
      `${label}.${roleKey}: "${given}" is a tool's turn, which cannot be trained on; remove the line`,
    );
  }
  const role = roleKey === 'from' ? shareGptRoles[given.toLowerCase()] : given;
  if (role === undefined) {
    throw new UserError(`${label}.from: found another speaker, expected human, gpt or system`);
  }
  return {
    role,
    content: contentOf(message[contentKey], `${label}.${contentKey}`),
    learned: isLearned(message, role, label),
  };
}

/** Whether a key has a value other than nothing, `[]`, `{}` and `""`. */
function isGiven(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return false;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}

function isLearned({ weight }: Fields, role: string, label: string): boolean {
  if (weight === undefined || weight === null || role !== 'assistant') return true;
  if (weight === 0 || weight === 1) return weight === 1;
  throw new UserError(`${label}.weight: found ${kindOf(weight)}, expected 0 (not learned) or 1`);
}

/**
 * Returns a content that is a text, or parts that are all texts.
 *
 * @throws UserError if it is neither
 */
function contentOf(value: unknown, label: string): string {
  if (typeof value === 'string') return wellFormed(value, label);
  if (!Array.isArray(value)) throw new UserError(`${label}: found ${kindOf(value)}, expected a text`);
  return value
    .map((part: unknown, i) => {
      const { type, text } = (typeof part === 'object' && part !== null ? part : {}) as Fields;
      if (type === 'text' && typeof text === 'string') return wellFormed(text, `${label}[${i}].text`);
      const what = typeof type === 'string' ? `a part of type "${type.slice(0, 32)}"` : kindOf(part);
      throw new UserError(
        `${label}[${i}]: found ${what}, expected {"type": "text", "text"}: models here read text only`,
      );
    })
    .join('');
}

const speakers = { '\n\nHuman:': 'user', '\n\nAssistant:': 'assistant' } as const;

/**
 * Returns a transcript of HH-RLHF, `\n\nHuman: … \n\nAssistant: …`, as turns. A last turn of the assistant without words is
 * left out: it asks for a reply.
 *
 * @returns undefined if the text is none
 */
export function transcriptTurns(text: string): readonly DataTurn[] | undefined {
  if (!text.startsWith('\n\nHuman:')) return undefined;
  const turns = text.split(/(?=\n\nHuman:|\n\nAssistant:)/).map((part): DataTurn => {
    const [mark, role] = part.startsWith('\n\nHuman:')
      ? (['\n\nHuman:', speakers['\n\nHuman:']] as const)
      : (['\n\nAssistant:', speakers['\n\nAssistant:']] as const);
    return { role, content: part.slice(mark.length).trim(), learned: true };
  });
  const last = turns.at(-1);
  return last?.role === 'assistant' && last.content === '' ? turns.slice(0, -1) : turns;
}
