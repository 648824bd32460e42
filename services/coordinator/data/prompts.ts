/** Prompts: read from JSON lines, tokenised once, and drawn in a seeded order that a single number describes. */
import { permutation } from '@gapo/numeric';
import { UserError, z } from '@gapo/service';
import { readJsonLines } from './jsonLines.js';

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

/** How a prompt becomes tokens. */
export interface PromptEncoding {
  /** Token ids of a prompt. */
  encodePrompt(text: string): number[];
  /** The longest sequence of the policy, in tokens; a prompt must leave room for one more. */
  readonly context: number;
}

const largestCount = 2 ** 32;

const line = z.object({ id: z.union([z.string().min(1), z.int()]), prompt: z.string().min(1) });

/**
 * Reads a file of JSON lines `{"id": ..., "prompt": ...}`; other keys are ignored, so are empty lines.
 *
 * @throws UserError with a line `file:line: what is wrong` for each of the first few problems
 */
export async function readPrompts(path: string, encoding: PromptEncoding): Promise<readonly PromptRecord[]> {
  const lineOf = new Map<string, number>();
  const prompts = await readJsonLines(path, '{"id", "prompt"}', (value, index, lineNumber): PromptRecord => {
    const parsed = line.safeParse(value);
    if (!parsed.success) {
      throw new Error(
        'expected an object with "id" (a string or an integer) and "prompt" (a string that is not empty)',
      );
    }
    const [id, text] = [String(parsed.data.id), parsed.data.prompt];
    const first = lineOf.get(id);
    if (first !== undefined) throw new Error(`the id ${JSON.stringify(id)} is that of line ${first} too`);
    lineOf.set(id, lineNumber);
    const tokenIds = encoding.encodePrompt(text);
    if (tokenIds.length === 0) throw new Error('the prompt has no tokens');
    if (tokenIds.length >= encoding.context) {
      throw new Error(`the prompt has ${tokenIds.length} tokens, the model's context ${encoding.context}; shorten it`);
    }
    return { index, id, text, tokenIds };
  });
  if (prompts.length === 0) throw new UserError(`${path}: has no prompts; write one {"id", "prompt"} a line`);
  return prompts;
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

/** The bounds [start, end) of equal pieces: sizes differ by at most one, and depend on nothing but both numbers. */
export function splitEvenly(count: number, pieces: number): readonly (readonly [start: number, end: number])[] {
  return Array.from({ length: pieces }, (_, i) => [
    Math.floor((i * count) / pieces),
    Math.floor(((i + 1) * count) / pieces),
  ]);
}
