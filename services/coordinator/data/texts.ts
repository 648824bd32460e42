/** Data sets of texts: those of PTX, which the policy models, and the preference pairs of DPO. */
import type { TextCodec, TokenSequence } from '@gapo/model';
import { readJsonLines, UserError, z } from '@gapo/service';

/** Two completions of one prompt. */
export interface PairRecord {
  readonly chosen: TokenSequence;
  readonly rejected: TokenSequence;
  /** One for each objective: 1 where `chosen` is better, -1 where `rejected` is, 0 without a label. */
  readonly labels: readonly (-1 | 0 | 1)[];
}

const text = z.string().min(1).meta({ expected: 'a text that is not empty' });
const label = z.union([z.literal(-1), z.literal(0), z.literal(1)]).meta({ expected: '1, 0 or -1' });

// Other keys are ignored: data sets carry sources and ids.
const textLine = z.union([
  z.looseObject({ text }).transform(({ text }) => ({ text })),
  z.looseObject({ prompt: text, completion: text }).transform(({ prompt, completion }) => ({ prompt, completion })),
]);
const pairLine = z.looseObject({ prompt: text, chosen: text, rejected: text, labels: z.record(z.string(), label) });

/**
 * Reads the texts of PTX: lines `{"text"}` or `{"prompt", "completion"}`.
 *
 * @throws UserError that names each of the first lines that are wrong
 */
export async function readTexts(path: string, codec: TextCodec): Promise<readonly TokenSequence[]> {
  const { records } = await readJsonLines([path], {
    shape: '{"text"} or {"prompt", "completion"}',
    schema: textLine,
    record: (line) => ('text' in line ? codec.text(line.text) : codec.exchange(line.prompt, line.completion)),
  });
  return records;
}

/**
 * Reads preference pairs: lines `{"prompt", "chosen", "rejected", "labels": {objective: 1, 0 or -1}}`. Objectives that a
 * line leaves out have no label there; a line without any label is an error.
 *
 * @param names the objectives
 * @throws UserError that names each of the first lines that are wrong, or an objective without any label
 */
export async function readPairs(
  path: string,
  names: readonly string[],
  codec: TextCodec,
): Promise<readonly PairRecord[]> {
  const { records } = await readJsonLines([path], {
    shape: '{"prompt", "chosen", "rejected", "labels": {objective: 1, 0 or -1}}',
    schema: pairLine,
    record: ({ prompt, chosen, rejected, labels }): PairRecord => {
      const stray = Object.keys(labels).find((name) => !names.includes(name));
      if (stray !== undefined) throw new UserError(`labels has "${stray}", the objectives are ${names.join(', ')}`);
      if (!Object.values(labels).some((value) => value !== 0)) {
        throw new UserError('no objective has a label other than 0; leave the line out');
      }
      return {
        chosen: codec.exchange(prompt, chosen),
        rejected: codec.exchange(prompt, rejected),
        labels: names.map((name) => labels[name] ?? 0),
      };
    },
  });
  const silent = names.find((_, k) => records.every(({ labels }) => labels[k] === 0));
  if (silent !== undefined) throw new UserError(`${path}: no pair has a label for ${silent}`);
  return records;
}
