/** The data: files of JSON lines, each a prompt with a preferred and a less preferred answer, in plain text or as messages. */
import type { Turn } from '@gapo/model';
import { type LineFile, readLines } from '../descent/lines.js';
import type { TokenPair } from './engine.js';

/** A line: the two conversations as tokens, and what both answer. */
export interface PreferencePair extends TokenPair {
  /** The conversations up to their first turn by the user, or else their last: pairs with equal openings may share a prompt. */
  readonly opening: string;
}

/** How conversations become tokens. */
export interface PairEncoder {
  /** Undefined where the last turn alone is too long. Throws what the chat template refuses. */
  encode(turns: readonly Turn[], maxTokens: number): number[] | undefined;
}

const forms = '{"prompt", "chosen", "rejected"}, each a text or messages [{"role", "content"}, ...]';

/**
 * Reads files of preference pairs. `chosen` and `rejected` are the assistant's answers to `prompt`, as texts or as messages,
 * or whole conversations of which the last turns are compared; these need no prompt. Other keys are ignored, as data sets
 * have some.
 *
 * @throws UserError with `file:line: field: what is wrong; what to do` for each of the first few problems
 */
export async function readPairs(
  files: readonly string[],
  encoder: PairEncoder,
  maxTokens: number,
): Promise<{ readonly examples: readonly PreferencePair[]; readonly files: readonly LineFile[] }> {
  return readLines(files, forms, (value) => parseLine(value, encoder, maxTokens));
}

function parseLine(value: unknown, encoder: PairEncoder, maxTokens: number): PreferencePair {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`expected ${forms}`);
  const line = value as Readonly<Record<string, unknown>>;
  const prompt = line['prompt'] === undefined ? [] : turnsOf(line['prompt'], 'prompt', 'user');
  const chosen = conversationOf(prompt, line['chosen'], 'chosen');
  const rejected = conversationOf(prompt, line['rejected'], 'rejected');
  const opening = openingOf(chosen);
  if (openingOf(rejected) !== opening) {
    throw new Error('rejected: answers another prompt than chosen; a pair compares two answers to one prompt');
  }
  const tokens = {
    chosen: tokensOf(chosen, 'chosen', encoder, maxTokens),
    rejected: tokensOf(rejected, 'rejected', encoder, maxTokens),
  };
  if (tokens.chosen.join() === tokens.rejected.join()) {
    throw new Error('rejected: the same as chosen, in tokens; leave the line out');
  }
  return { ...tokens, opening };
}

/** A field's turns: a text is one turn by `role`. */
function turnsOf(value: unknown, field: string, role: string): readonly Turn[] {
  if (typeof value === 'string') return [{ role, content: value }];
  if (!Array.isArray(value) || value.length === 0) {
    throw new Error(`${field}: found ${kindOf(value)}; give a text or messages [{"role", "content"}, ...]`);
  }
  return value.map((message: unknown, i): Turn => {
    const { role, content } = (typeof message === 'object' && message !== null ? message : {}) as Partial<
      Record<keyof Turn, unknown>
    >;
    if (typeof role !== 'string') throw new Error(`${field}[${i}].role: found ${kindOf(role)}; give who speaks`);
    if (typeof content !== 'string') {
      throw new Error(`${field}[${i}].content: found ${kindOf(content)}; give what is said, as a text`);
    }
    return { role, content };
  });
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** The conversation that ends in an answer: the answer itself where it is a whole one, otherwise the prompt and then it. */
function conversationOf(prompt: readonly Turn[], answer: unknown, field: string): readonly Turn[] {
  const turns = turnsOf(answer, field, 'assistant');
  const whole = turns.find(({ role }) => role !== 'system')?.role !== 'assistant';
  if (!whole && prompt.length === 0) {
    throw new Error('prompt: found nothing; give what is answered, or make chosen and rejected whole conversations');
  }
  const last = turns.at(-1)!;
  if (last.role !== 'assistant') {
    throw new Error(
      `${field}: the last turn is by '${last.role}'; end with the one that is judged, which is by 'assistant'`,
    );
  }
  return whole ? turns : [...prompt, ...turns];
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
    throw new Error(`${field}: the chat template refuses it: ${(error as Error).message}`, { cause: error });
  }
  if (ids === undefined) {
    throw new Error(`${field}: its last turn alone has more than ${maxTokens} tokens; shorten it, or allow more`);
  }
  return ids;
}
