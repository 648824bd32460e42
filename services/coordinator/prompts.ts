/** Prompts: read from JSON lines, tokenised once, and drawn in a seeded order that a single number describes. */
import { readFile } from 'node:fs/promises';
import { permutation } from '@gapo/objectives';
import { UserError } from '@gapo/telemetry';
import { z } from '@gapo/settings';

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

const LARGEST_COUNT = 2 ** 32;
const MOST_PROBLEMS = 5;

const line = z.object({ id: z.union([z.string().min(1), z.int()]), prompt: z.string().min(1) });

/**
 * Reads a file of JSON lines `{"id": ..., "prompt": ...}`; other keys are ignored, so are empty lines.
 *
 * @throws UserError with a line `file:line: what is wrong` for each of the first few problems
 */
export async function readPrompts(path: string, encoding: PromptEncoding): Promise<readonly PromptRecord[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be read: ${message}`;
    throw new UserError(`${path}: ${why}; name a file of JSON lines {"id", "prompt"}`);
  });
  const prompts: PromptRecord[] = [];
  const problems: string[] = [];
  const lineOf = new Map<string, number>();
  text.split('\n').forEach((json, i) => {
    if (json.trim() === '') return;
    const place = `${path}:${i + 1}`;
    try {
      const { id, text: prompt } = parseLine(json);
      const first = lineOf.get(id);
      if (first !== undefined) throw new Error(`the id ${JSON.stringify(id)} is that of line ${first} too`);
      lineOf.set(id, i + 1);
      const tokenIds = encoding.encodePrompt(prompt);
      if (tokenIds.length === 0) throw new Error('the prompt has no tokens');
      if (tokenIds.length >= encoding.context) {
        throw new Error(
          `the prompt has ${tokenIds.length} tokens, the model's context ${encoding.context}; shorten it`,
        );
      }
      prompts.push({ index: prompts.length, id, text: prompt, tokenIds });
    } catch (error) {
      problems.push(`${place}: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
  if (problems.length > MOST_PROBLEMS) {
    problems.splice(MOST_PROBLEMS, Infinity, `${path}: and ${problems.length - MOST_PROBLEMS} more lines`);
  }
  if (problems.length > 0) throw new UserError(problems.join('\n'));
  if (prompts.length === 0) throw new UserError(`${path}: has no prompts; write one {"id", "prompt"} a line`);
  return prompts;
}

function parseLine(json: string): { id: string; text: string } {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new Error(`not JSON: ${(error as Error).message}`, { cause: error });
  }
  const parsed = line.safeParse(value);
  if (parsed.success) return { id: String(parsed.data.id), text: parsed.data.prompt };
  throw new Error('expected an object with "id" (a string or an integer) and "prompt" (a string that is not empty)');
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
 * Draws the next prompts. The data set is gone through in epochs, each in an order of its own; the order is a function
 * of the seed and the epoch alone, so the number of prompts drawn before is all that must be remembered.
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
  const size = prompts.length;
  const drawn: DrawnPrompt[] = [];
  const times = new Map<number, number>();
  let epoch = -1;
  let order: Uint32Array = new Uint32Array(0);
  for (let at = position; at < position + count; at++) {
    if (Math.floor(at / size) !== epoch) {
      epoch = Math.floor(at / size);
      order = permutation(size, seed, epoch % LARGEST_COUNT);
    }
    const record = prompts[order[at % size]!]!;
    const before = times.get(record.index) ?? 0;
    times.set(record.index, before + 1);
    drawn.push({ record, counter: (record.index + before * size) % LARGEST_COUNT });
  }
  return drawn;
}

/** The bounds [start, end) of equal pieces: sizes differ by at most one, and depend on nothing but both numbers. */
export function splitEvenly(count: number, pieces: number): readonly (readonly [start: number, end: number])[] {
  return Array.from({ length: pieces }, (_, i) => [
    Math.floor((i * count) / pieces),
    Math.floor(((i + 1) * count) / pieces),
  ]);
}
