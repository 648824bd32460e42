/** Prompts: read from JSON lines, tokenized once, and drawn in a seeded order whose only state is a position. */
import type { TextCodec, Turn } from '@gapo/model';
import { at, permutation } from '@gapo/numeric';
import { readJsonLines, UserError, z } from '@gapo/service';

/** A prompt of a data set. */
export interface PromptRecord {
  /** Index in the file, from 0. */
  readonly index: number;
  /** Id from the file. */
  readonly id: string;
  /** The last turn of the user. */
  readonly text: string;
  /** The conversation before the reply: at least one turn. */
  readonly turns: readonly Turn[];
  /** The line's other columns: texts as they are, other values as JSON. Rewards receive them, such as a reference answer. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Token ids, with the chat template applied. */
  readonly tokenIds: readonly number[];
}

/** Counters of the random number generator are 32 bits wide. */
const counterRange = 2 ** 32;

const line = z.looseObject({
  id: z.union([z.string().min(1), z.int()]).meta({ expected: 'an id, a string or an integer' }),
  prompt: z.string().min(1).meta({ expected: 'a non-empty string' }),
});

/**
 * Reads prompts from lines of the form `{"id", "prompt"}`.
 *
 * @throws UserError listing the first invalid lines
 */
export async function readPrompts(path: string, codec: TextCodec): Promise<readonly PromptRecord[]> {
  const lineOf = new Map<string, number>();
  const { records } = await readJsonLines([path], {
    shape: '{"id", "prompt"}',
    schema: line,
    record: async ({ id: given, prompt: text, ...others }, { line, index }): Promise<PromptRecord> => {
      const id = String(given);
      const first = lineOf.get(id);
      if (first !== undefined) throw new UserError(`line ${first} already has the id ${JSON.stringify(id)}`);
      lineOf.set(id, line);
      const turns = [{ role: 'user', content: text }];
      return { index, id, text, turns, metadata: metadataOf(others), tokenIds: await codec.prompt(text) };
    },
  });
  return records;
}

/** Returns columns as metadata. Those without a value are left out. */
function metadataOf(columns: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const given = Object.entries(columns).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(
    given.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
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
  prompts: readonly PromptRecord[],
  seed: number,
  position: number,
  count: number,
): readonly DrawnPrompt[] {
  const draws = new Map<number, number>();
  return drawIndices(prompts.length, seed, position, count).map((index) => {
    const record = at(prompts, index);
    const before = draws.get(record.index) ?? 0;
    draws.set(record.index, before + 1);
    return { record, counter: (record.index + before * prompts.length) % counterRange };
  });
}

/**
 * Returns the indices of the next records of a data set. Each epoch visits every record once, in an order that depends
 * only on the seed and the epoch.
 *
 * @param size number of records in the data set, at least 1
 * @param position number of records drawn before
 * @param count number of records to draw
 */
export function drawIndices(size: number, seed: number, position: number, count: number): readonly number[] {
  let epoch = -1;
  let order: Uint32Array = new Uint32Array(0);
  return Array.from({ length: count }, (_, i) => {
    const drawn = position + i;
    if (Math.floor(drawn / size) !== epoch) {
      epoch = Math.floor(drawn / size);
      order = permutation(size, seed, epoch % counterRange);
    }
    return at(order, drawn % size);
  });
}
