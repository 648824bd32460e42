/** Training data: prompts with a preferred and a less preferred answer. */
import {
  type DataFile,
  type DataFormat,
  type Preference,
  preferenceForm,
  readRecords,
  type ReadOptions,
} from '@gapo/data';
import type { Encoded, JudgedConversation, Overlong, Turn } from '@gapo/model';
import { isExpected, UserError } from '@gapo/service';
import type { TokenPair } from './engine.js';

/** A row: the tokens of both conversations, and their common opening. */
export interface PreferencePair extends TokenPair {
  /** The turns up to the user's first, or without one all but the last. Pairs with equal openings may share a prompt. */
  readonly opening: string;
}

/** How pairs are read. */
export interface PairOptions extends Pick<ReadOptions, 'map'> {
  /** What happens to a pair with a conversation that is too long. @default 'truncate-left' */
  readonly overlong?: Overlong;
}

/** The longest conversation, and what happens to longer ones. */
interface Limit {
  readonly maxTokens: number;
  readonly overlong: Overlong;
}

/** A conversation is too long. */
class OverlongError extends UserError {}

/** Encodes conversations as tokens. */
export type PairEncoder = Pick<JudgedConversation, 'encode'>;

/**
 * Reads preference pairs, in the forms of {@link preferenceForm}: `{"prompt", "chosen", "rejected"}`, or whole conversations
 * whose last turns are compared.
 *
 * @throws UserError that names the first invalid rows, with the column and what to do
 */
export async function readPairs(
  files: readonly string[],
  encoder: PairEncoder,
  maxTokens: number,
  { overlong = 'truncate-left', map = {} }: PairOptions = {},
): Promise<{ readonly pairs: readonly PreferencePair[]; readonly files: readonly DataFile[] }> {
  const pairs: PreferencePair[] = [];
  const format: DataFormat<Preference, PreferencePair> = {
    shape: '{"prompt", "chosen", "rejected"}, each a text or messages [{"role", "content"}, ...]',
    form: preferenceForm,
    encode: (forms) => Promise.all(forms.map((form) => encoded(form, encoder, { maxTokens, overlong }))),
  };
  const read = await readRecords(files, format, (pair) => pairs.push(pair), {
    map,
    dropOverlong: overlong === 'drop',
  });
  return { pairs, files: read };
}

async function encoded(form: Preference, encoder: PairEncoder, limit: Limit): Promise<Encoded<PreferencePair>> {
  try {
    return { value: await pairOf(form, encoder, limit), truncated: false };
  } catch (error) {
    if (!isExpected(error)) throw error;
    return { error: new UserError(error.message, { cause: error }), overlong: error instanceof OverlongError };
  }
}

/** @throws UserError if an answer is too long, or both have the same tokens */
async function pairOf(
  { prompt, chosen, rejected }: Preference,
  encoder: PairEncoder,
  limit: Limit,
): Promise<PreferencePair> {
  const conversation = (content: string): readonly Turn[] => [...prompt.turns, { role: 'assistant', content }];
  const tokens = {
    chosen: await tokensOf(conversation(chosen), 'chosen', encoder, limit),
    rejected: await tokensOf(conversation(rejected), 'rejected', encoder, limit),
  };
  if (tokens.chosen.join() === tokens.rejected.join()) {
    throw new UserError('rejected: has the same tokens as chosen; remove the line');
  }
  return { ...tokens, opening: openingOf(prompt.turns) };
}

function openingOf(turns: readonly Turn[]): string {
  const first = turns.findIndex(({ role }) => role === 'user');
  return JSON.stringify(first < 0 ? turns : turns.slice(0, first + 1));
}

async function tokensOf(
  turns: readonly Turn[],
  field: string,
  encoder: PairEncoder,
  { maxTokens, overlong }: Limit,
): Promise<number[]> {
  let ids: number[] | undefined;
  try {
    ids = await encoder.encode(turns, maxTokens, { shortened: overlong === 'truncate-left' ? 'history' : 'none' });
  } catch (error) {
    throw new UserError(`${field}: ${(error as Error).message}`, { cause: error });
  }
  if (ids === undefined) {
    const what = overlong === 'truncate-left' ? 'the last turn alone' : 'the conversation';
    throw new OverlongError(`${field}: ${what} has more than ${maxTokens} tokens; shorten it, or allow more`);
  }
  return ids;
}
