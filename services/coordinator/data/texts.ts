/** Texts that a policy is to model or to prefer, as sequences of a prompt and a completion that ends. */
import { z, UserError } from '@gapo/service';
import { readJsonLines } from './jsonLines.js';

/** How texts become tokens. */
export interface TextEncoding {
  /** Token ids of a prompt, through the chat template. */
  encodePrompt(text: string): number[];
  /** Token ids of a text, with the tokens that the tokenizer adds in front where asked. */
  encode(text: string, options?: { readonly addSpecialTokens: boolean }): number[];
  /** Ends a sequence. */
  readonly endId: number;
  /** The longest sequence of the policy, in tokens. */
  readonly context: number;
}

/** A prompt with a completion, the end-of-sequence token included. */
export interface TextRecord {
  readonly promptIds: readonly number[];
  readonly completionIds: readonly number[];
}

/** A pair of completions of one prompt. */
export interface PairRecord {
  readonly chosen: TextRecord;
  readonly rejected: TextRecord;
  /** One for each objective: 1 where `chosen` is better, -1 where `rejected` is, 0 where nobody said. */
  readonly labels: readonly (-1 | 0 | 1)[];
}

const text = z.string().min(1);
const pretrainingLine = z.union([z.object({ text }), z.object({ prompt: text, completion: text })]);
const pairLine = z.object({
  prompt: text,
  chosen: text,
  rejected: text,
  labels: z.record(z.string(), z.union([z.literal(-1), z.literal(0), z.literal(1)])),
});

/**
 * Reads a file of JSON lines `{"text": ...}` or `{"prompt": ..., "completion": ...}`. A text is learned from its second
 * token on, and to end.
 *
 * @throws UserError with a line `file:line: what is wrong` for each of the first few problems
 */
export async function readTexts(path: string, encoding: TextEncoding): Promise<readonly TextRecord[]> {
  const records = await readJsonLines(path, '{"text"} or {"prompt", "completion"}', (value) => {
    const parsed = pretrainingLine.safeParse(value);
    if (!parsed.success) throw new Error('expected an object with "text", or with "prompt" and "completion"');
    if ('completion' in parsed.data) return sequence(encoding, parsed.data.prompt, parsed.data.completion);
    const [first, ...rest] = encoding.encode(parsed.data.text, { addSpecialTokens: true });
    if (first === undefined) throw new Error('the text has no tokens');
    return fitting(encoding, { promptIds: [first], completionIds: ended(encoding, rest) });
  });
  if (records.length === 0) throw new UserError(`${path}: has no texts; write one {"text"} a line`);
  return records;
}

/**
 * Reads a file of JSON lines `{"prompt", "chosen", "rejected", "labels": {objective: 1, -1 or 0}}`. Objectives that a line
 * leaves out have no label; a line without any label is an error.
 *
 * @param names the objectives
 * @throws UserError with a line `file:line: what is wrong` for each of the first few problems
 */
export async function readPairs(
  path: string,
  names: readonly string[],
  encoding: TextEncoding,
): Promise<readonly PairRecord[]> {
  const records = await readJsonLines(path, '{"prompt", "chosen", "rejected", "labels"}', (value): PairRecord => {
    const parsed = pairLine.safeParse(value);
    if (!parsed.success) {
      throw new Error('expected "prompt", "chosen" and "rejected", and "labels" with 1, -1 or 0 by objective');
    }
    const { prompt, chosen, rejected, labels } = parsed.data;
    const stray = Object.keys(labels).find((name) => !names.includes(name));
    if (stray !== undefined) throw new Error(`labels has "${stray}", the objectives are ${names.join(', ')}`);
    if (!Object.values(labels).some((label) => label !== 0)) throw new Error('no objective has a label other than 0');
    return {
      chosen: sequence(encoding, prompt, chosen),
      rejected: sequence(encoding, prompt, rejected),
      labels: names.map((name) => labels[name] ?? 0),
    };
  });
  if (records.length === 0) throw new UserError(`${path}: has no pairs`);
  const silent = names.find((_, k) => records.every(({ labels }) => labels[k] === 0));
  if (silent !== undefined) throw new UserError(`${path}: no pair has a label for ${silent}`);
  return records;
}

function sequence(encoding: TextEncoding, prompt: string, completion: string): TextRecord {
  const promptIds = encoding.encodePrompt(prompt);
  if (promptIds.length === 0) throw new Error('the prompt has no tokens');
  return fitting(encoding, { promptIds, completionIds: ended(encoding, encoding.encode(completion)) });
}

function ended({ endId }: TextEncoding, ids: readonly number[]): readonly number[] {
  return ids.at(-1) === endId ? ids : [...ids, endId];
}

function fitting({ context }: TextEncoding, record: TextRecord): TextRecord {
  const tokens = record.promptIds.length + record.completionIds.length;
  if (tokens > context) throw new Error(`it has ${tokens} tokens, the model's context is ${context}; shorten it`);
  return record;
}
