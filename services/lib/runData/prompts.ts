/** Prompts: tokenized once, and drawn in a seeded order whose only state is a position. */
import type { Conditioner } from '@gapo/config';
import { type DataFormat, kindOf, promptForm } from '@gapo/data';
import type { Prompt, TextCodec, Turn } from '@gapo/model';
import { at, permutation } from '@gapo/numeric';
import { UserError } from '@gapo/service';
import { withPreference } from './conditioned.js';
import type { Packing, RecordList } from './recordList.js';

/** A prompt of a data set. */
export interface PromptRecord {
  /** Index among the prompts, from 0. */
  readonly index: number;
  /** Id from the file, or the number of its line, item or row. */
  readonly id: string;
  /** The last turn of the user. */
  readonly text: string;
  /** The conversation before the reply: at least one turn. */
  readonly turns: readonly Turn[];
  /** The line's other columns: texts as they are, other values as JSON. Rewards receive them, such as a reference answer. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Token ids, with the chat template applied. */
  readonly tokenIds: readonly number[];
  /** The conversation as one text, where the data has one and the policy is conditioned on the preference. */
  readonly whole?: string;
}

/** A prompt without its place. */
export type EncodedPrompt = Omit<PromptRecord, 'index'>;

/** Counters of the random number generator are 32 bits wide. */
const counterRange = 2 ** 32;

/** A prompt before it is encoded. */
export interface PromptForm {
  readonly id: string;
  readonly prompt: Prompt;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Returns the format of files of prompts.
 *
 * @param conditioner the longest one, which a prompt must leave room for, if the policy is conditioned on the preference
 */
export function promptFormat(codec: TextCodec, conditioner?: Conditioner): DataFormat<PromptForm, EncodedPrompt> {
  const numberOf = new Map<string, number>();
  return {
    shape: '{"prompt"}, a text or messages, or of another form of the field',
    form: (columns, number) => {
      const id = idOf(columns.take('id'), number);
      const first = numberOf.get(id);
      if (first !== undefined) throw new UserError(`id: line ${first} already has this id; give each line its own`);
      numberOf.set(id, number);
      const prompt = promptForm(columns);
      return { id, prompt, metadata: columns.metadata };
    },
    encode: async (forms) => {
      const prompts = forms.map(({ prompt }) => prompt);
      const encoded = await codec.prompts(prompts);
      const conditioned =
        conditioner === undefined
          ? []
          : await codec.prompts(prompts.map((prompt) => withPreference(prompt, conditioner)));
      return encoded.map((result, i) => {
        const longest = conditioned[i];
        if (longest !== undefined && !('value' in longest)) return longest;
        if (!('value' in result)) return result;
        const { id, prompt, metadata } = at(forms, i);
        const { turns } = prompt;
        const text = (turns.findLast(({ role }) => role === 'user') ?? at(turns, turns.length - 1)).content;
        const value = { id, text, turns, metadata, tokenIds: result.value };
        const whole = conditioner === undefined ? undefined : prompt.text;
        return { ...result, value: { ...value, ...(whole !== undefined && { whole }) } };
      });
    },
  };
}

/** How prompts cross threads. */
export const promptPacking: Packing<PromptRecord, EncodedPrompt> = {
  lists: 1,
  pack: ({ tokenIds, ...json }) => ({ ids: [tokenIds], json }),
  unpack: ([tokenIds = []], json, index) => ({
    ...(json as Omit<PromptRecord, 'index' | 'tokenIds'>),
    index,
    tokenIds,
  }),
};

/** @throws UserError if an id is neither a text nor an integer */
function idOf(value: unknown, number: number): string {
  if (value === undefined) return String(number);
  if (typeof value === 'string' && value !== '') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value);
  throw new UserError(`id: found ${kindOf(value)}, expected a text or an integer`);
}

/** A prompt drawn for a step. */
export interface DrawnPrompt {
  readonly record: PromptRecord;
  /**
   * Counter of the random numbers of its completions: the record's index, plus the size of the data set for each earlier
   * draw in the same step.
   */
  readonly counter: number;
}

/**
 * Draws the next prompts in the order of {@link drawIndices}.
 *
 * @param position number of prompts drawn before
 * @param count number of prompts to draw
 */
export function drawPrompts(
  prompts: RecordList<PromptRecord>,
  seed: number,
  position: number,
  count: number,
): readonly DrawnPrompt[] {
  const draws = new Map<number, number>();
  return drawIndices(prompts.length, seed, position, count).map((index) => {
    const record = prompts.get(index);
    const before = draws.get(record.index) ?? 0;
    draws.set(record.index, before + 1);
    return { record, counter: (record.index + before * prompts.length) % counterRange };
  });
}

/**
 * Returns the indices of the next records of a data set, as {@link drawnIndices} draws them.
 *
 * @param size number of records in the data set, at least 1
 * @param position number of records drawn before
 * @param count number of records to draw
 */
export function drawIndices(size: number, seed: number, position: number, count: number): readonly number[] {
  const drawn = drawnIndices(size, seed, position);
  return Array.from({ length: count }, () => drawn.next().value);
}

/**
 * Draws the indices of records without an end. Each epoch visits every record once, in an order that depends only on the
 * seed and the epoch.
 *
 * @param size number of records in the data set, at least 1
 * @param position number of records drawn before
 */
export function* drawnIndices(size: number, seed: number, position: number): Generator<number, never> {
  let epoch = -1;
  let order: Uint32Array = new Uint32Array(0);
  for (let drawn = position; ; drawn++) {
    if (Math.floor(drawn / size) !== epoch) {
      epoch = Math.floor(drawn / size);
      order = permutation(size, seed, epoch % counterRange);
    }
    yield at(order, drawn % size);
  }
}
