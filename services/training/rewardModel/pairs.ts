/** The data: files of JSON lines, each a prompt with a preferred and a less preferred answer, as texts or as messages. */
import type { JudgedConversation, Turn } from '@gapo/model';
import { readJsonLines, UserError, z, type LineFile } from '@gapo/service';
import type { TokenPair } from './engine.js';

/** A line: the two conversations as tokens, and what both answer. */
export interface PreferencePair extends TokenPair {
  /** The conversation up to its first turn by the user, or else up to its last turn: pairs with equal openings may share a prompt. */
  readonly opening: string;
}

/** How conversations become tokens. */
export type PairEncoder = Pick<JudgedConversation, 'encode'>;

// Other keys are ignored: data sets carry scores and ids.
const message = z.looseObject({
  role: z.string().meta({ expected: 'who speaks, as "user" or "assistant"' }),
  content: z.string().meta({ expected: 'what is said, as a text' }),
});
const turns = z
  .union([z.string(), z.array(message).min(1)])
  .meta({ expected: 'a text or messages [{"role", "content"}, ...]' });
const line = z.looseObject({ prompt: turns.optional(), chosen: turns, rejected: turns });

/**
 * Reads preference pairs: lines `{"prompt", "chosen", "rejected"}`. `chosen` and `rejected` are the assistant's answers to
 * `prompt`, or whole conversations whose last turns are compared; these need no prompt.
 *
 * @throws UserError that names each of the first lines that are wrong, with the field and what to do
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

function pairOf(value: z.output<typeof line>, encoder: PairEncoder, maxTokens: number): PreferencePair {
  const prompt = value.prompt === undefined ? [] : turnsOf(value.prompt, 'user');
  const chosen = conversationOf(prompt, value.chosen, 'chosen');
  const rejected = conversationOf(prompt, value.rejected, 'rejected');
  const opening = openingOf(chosen);
  if (openingOf(rejected) !== opening) {
    throw new UserError('rejected: answers another prompt than chosen; a pair compares two answers to one prompt');
  }
  const tokens = {
    chosen: tokensOf(chosen, 'chosen', encoder, maxTokens),
    rejected: tokensOf(rejected, 'rejected', encoder, maxTokens),
  };
  if (tokens.chosen.join() === tokens.rejected.join()) {
    throw new UserError('rejected: the same as chosen, in tokens; leave the line out');
  }
  return { ...tokens, opening };
}

/** A field's turns: a text is one turn by `role`. */
function turnsOf(value: z.output<typeof turns>, role: string): readonly Turn[] {
  return typeof value === 'string' ? [{ role, content: value }] : value.map(({ role, content }) => ({ role, content }));
}

/** The conversation that ends in an answer: the answer itself where it is a whole conversation, otherwise prompt and answer. */
function conversationOf(prompt: readonly Turn[], answer: z.output<typeof turns>, field: string): readonly Turn[] {
  const answered = turnsOf(answer, 'assistant');
  const whole = answered.find(({ role }) => role !== 'system')?.role !== 'assistant';
  if (!whole && prompt.length === 0) {
    throw new UserError(
      'prompt: found nothing; give what is answered, or make chosen and rejected whole conversations',
    );
  }
  const role = answered.at(-1)?.role;
  if (role !== 'assistant') {
    throw new UserError(
      `${field}: the last turn is by '${role}'; end with the one that is judged, which is by 'assistant'`,
    );
  }
  return whole ? answered : [...prompt, ...answered];
}

function openingOf(turns: readonly Turn[]): string {
  const first = turns.findIndex(({ role }) => role === 'user');
  return JSON.stringify(turns.slice(0, first < 0 ? -1 : first + 1));
}

function tokensOf(turns: readonly Turn[], field: string, encoder: PairEncoder, maxTokens: number): number[] {
  let ids: number[] | undefined;
  try {
    ids = encoder.encode(turns, maxTokens);
  } catch (error) {
    throw new UserError(`${field}: ${(error as Error).message}`, { cause: error });
  }
  if (ids === undefined) {
    throw new UserError(`${field}: its last turn alone has more than ${maxTokens} tokens; shorten it, or allow more`);
  }
  return ids;
}
