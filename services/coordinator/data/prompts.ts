/** Prompts: read from JSON lines, tokenised once, and drawn in a seeded order that a single number describes. */
import type { TextCodec } from '@gapo/model';
import { permutation } from '@gapo/numeric';
import { readJsonLines, UserError, z } from '@gapo/service';

/** A prompt of a data set. */
export interface PromptRecord {
  /** Its place in the file, from 0. */
  readonly index: number;
  /** Its id in the file. */
  readonly id: string;
  /** As a person wrote it. */
  readonly text: string;
  /** Token ids as the policy sees it, through the chat template. */
  readonly tokenIds: readonly number[];
}

const largestCount = 2 ** 32;

// Other keys are ignored: data sets carry sources and topics.
const line = z.looseObject({
  id: z.union([z.string().min(1), z.int()]).meta({ expected: 'an id, a string or an integer' }),
  prompt: z.string().min(1).meta({ expected: 'a text that is not empty' }),
});

/**
 * Reads prompts: lines `{"id", "prompt"}`.
 *
 * @throws UserError that names each of the first lines that are wrong
 */
export async function readPrompts(path: string, codec: TextCodec): Promise<readonly PromptRecord[]> {
  const lineOf = new Map<string, number>();
  const { records } = await readJsonLines([path], {
    shape: '{"id", "prompt"}',
    schema: line,
    record: ({ id: given, prompt: text }, { line, index }): PromptRecord => {
      const id = String(given);
      const first = lineOf.get(id);
      if (first !== undefined) throw new UserError(`the id ${JSON.stringify(id)} is that of line ${first} too`);
      lineOf.set(id, line);
      return { index, id, text, tokenIds: codec.prompt(text) };
    },
  });
  return records;
}

/** A prompt drawn for a step. */
export interface DrawnPrompt {
  readonly record: PromptRecord;
  /**
   * Counter of the random numbers of its completions: the record's index, plus the size of the data set for each time
   * that it came before in the same step.
   */
  readonly counter: number;
}

/**
 * Draws the next prompts, as {@link drawPlaces} does: the number of prompts drawn before is all that must be remembered.
 *
 * @param position prompts drawn before
 * @param count prompts to draw, at least 1
 */
export function drawPrompts(
  prompts: readonly PromptRecord[],
  seed: number,
  position: number,
  count: number,
): readonly DrawnPrompt[] {
  const times = new Map<number, number>();
  return drawPlaces(prompts.length, seed, position, count).map((place) => {
    const record = prompts[place]!;
    const before = times.get(record.index) ?? 0;
    times.set(record.index, before + 1);
    return { record, counter: (record.index + before * prompts.length) % largestCount };
  });
}

/**
 * Places of the next records of a data set, which is gone through in epochs, each in an order of its own that is a
 * function of the seed and the epoch alone.
 *
 * @param size records of the data set, at least 1
 * @param position records drawn before
 * @param count records to draw
 */
export function drawPlaces(size: number, seed: number, position: number, count: number): readonly number[] {
  let epoch = -1;
  let order: Uint32Array = new Uint32Array(0);
  return Array.from({ length: count }, (_, i) => {
    const at = position + i;
    if (Math.floor(at / size) !== epoch) {
      epoch = Math.floor(at / size);
      order = permutation(size, seed, epoch % largestCount);
    }
    return order[at % size]!;
  });
}
