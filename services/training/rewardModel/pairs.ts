/** Training data: files of JSON lines, each a prompt with a preferred and a less preferred answer, as texts or messages. */
import type { JudgedConversation, Turn } from '@gapo/model';
import { readJsonLines, UserError, z, type LineFile } from '@gapo/service';
import type { TokenPair } from './engine.js';

/** A line: the tokens of both conversations, and their common opening. */
export interface PreferencePair extends TokenPair {
  /** The turns up to the user's first, or without one all but the last. Pairs with equal openings may share a prompt. */
  readonly opening: string;
}

/** Encodes conversations as tokens. */
export type PairEncoder = Pick<JudgedConversation, 'encode'>;

// Other keys are ignored: data sets have scores and ids.
const message = z.looseObject({
  role: z.string().meta({ expected: 'the speaker, such as "user" or "assistant"' }),
  content: z.string().meta({ expected: 'a text' }),
});
const turns = z
  .union([z.string(), z.array(message).min(1)])
  .meta({ expected: 'a text or messages [{"role", "content"}, ...]' });
const line = z.looseObject({ prompt: turns.optional(), chosen: turns, rejected: turns });

/**
 * Reads preference pairs: lines `{"prompt", "chosen", "rejected"}`. `chosen` and `rejected` are the assistant's answers to
 * `prompt`, or whole conversations whose last turns are compared; these need no prompt.
 *
 * @throws UserError that names the first invalid lines, with the field and what to do
 */
export async function readPairs(
  files: readonly string[],
  encoder: PairEncoder,
  maxTokens: number,
): Promise<{ readonly records: readonly PreferencePair[]; readonly files: readonly LineFile[] }> {
  return readJsonLines(files, {
    shape: '{"prompt", "chosen", "rejected"}, each a text or messages [{"role", "content"}, ...]',
    schema: line,
    record: (value) => pairOf(value, encoder, maxTokens),
  });
}

/** @throws UserError if the line is not a pair of answers to one prompt */
async function pairOf(value: z.output<typeof line>, encoder: PairEncoder, maxTokens: number): Promise<PreferencePair> {
  const prompt = value.prompt === undefined ? [] : turnsOf(value.prompt, 'user');
  const chosen = conversationOf(prompt, value.chosen, 'chosen');
  const rejected = conversationOf(prompt, value.rejected, 'rejected');
  const opening = openingOf(chosen);
  if (openingOf(rejected) !== opening) {
    throw new UserError('rejected: answers a different prompt than chosen; a pair compares two answers to one prompt');
  }
  const tokens = {
    chosen: await tokensOf(chosen, 'chosen', encoder, maxTokens),
    rejected: await tokensOf(rejected, 'rejected', encoder, maxTokens),
  };
  if (tokens.chosen.join() === tokens.rejected.join()) {
    throw new UserError('rejected: has the same tokens as chosen; remove the line');
  }
  return { ...tokens, opening };
}

/** Returns a field's turns; a text is one turn by `role`. */
function turnsOf(value: z.output<typeof turns>, role: string): readonly Turn[] {
  return typeof value === 'string' ? [{ role, content: value }] : value.map(({ role, content }) => ({ role, content }));
}

/**
 * Returns the conversation that ends in an answer: the answer itself if it is a whole conversation, else prompt and answer.
 *
 * @throws UserError if there is no prompt, or the last turn is not the assistant's
 */
function conversationOf(prompt: readonly Turn[], answer: z.output<typeof turns>, field: string): readonly Turn[] {
  const answered = turnsOf(answer, 'assistant');
  const whole = answered.find(({ role }) => role !== 'system')?.role !== 'assistant';
  if (!whole && prompt.length === 0) {
    throw new UserError('prompt: found nothing; give the prompt, or make chosen and rejected whole conversations');
  }
  const role = answered.at(-1)?.role;
  if (role !== 'assistant') {
    throw new UserError(`${field}: the last turn is by '${role}'; end with the answer to judge, by 'assistant'`);
  }
  return whole ? answered : [...prompt, ...answered];
}

function openingOf(turns: readonly Turn[]): string {
  const first = turns.findIndex(({ role }) => role === 'user');
  return JSON.stringify(turns.slice(0, first < 0 ? -1 : first + 1));
}

async function tokensOf(
  turns: readonly Turn[],
  field: string,
  encoder: PairEncoder,
  maxTokens: number,
): Promise<number[]> {
  let ids: number[] | undefined;
  try {
    ids = await encoder.encode(turns, maxTokens);
  } catch (error) {
    throw new UserError(`${field}: ${(error as Error).message}`, { cause: error });
  }
  if (ids === undefined) {
    throw new UserError(`${field}: the last turn alone has more than ${maxTokens} tokens; shorten it, or allow more`);
  }
  return ids;
}
