/** Data sets of texts: pretraining texts for PTX, and preference pairs for DPO. */
import type { TextCodec, TokenSequence } from '@gapo/model';
import { readJsonLines, UserError, z } from '@gapo/service';

/** Two completions of one prompt. */
export interface PairRecord {
  readonly chosen: TokenSequence;
  readonly rejected: TokenSequence;
  /** One label per objective: 1 if `chosen` is better, -1 if `rejected` is better, 0 if unlabelled. */
  readonly labels: readonly (-1 | 0 | 1)[];
}

const text = z.string().min(1).meta({ expected: 'a non-empty string' });
const label = z.union([z.literal(-1), z.literal(0), z.literal(1)]).meta({ expected: '1, 0 or -1' });

// Other keys, such as sources and ids, are ignored.
const textLine = z.union([
  z.looseObject({ text }).transform(({ text }) => ({ text })),
  z.looseObject({ prompt: text, completion: text }).transform(({ prompt, completion }) => ({ prompt, completion })),
]);
const pairLine = z.looseObject({ prompt: text, chosen: text, rejected: text, labels: z.record(z.string(), label) });

/**
 * Reads pretraining texts from lines of the form `{"text"}` or `{"prompt", "completion"}`.
 *
 * @throws UserError listing the first invalid lines
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
 * Reads preference pairs from lines of the form
 * `{"prompt", "chosen", "rejected", "labels": {objective: 1, 0 or -1}}`. Every line needs a label for at least one
 * objective, and every objective at least one label.
 *
 * @param names the objectives
 * @throws UserError listing the first invalid lines, or naming an objective without labels
 */
export async function readPairs(
  path: string,
  names: readonly string[],
  codec: TextCodec,
): Promise<readonly PairRecord[]> {
  const { records } = await readJsonLines([path], {
    shape: '{"prompt", "chosen", "rejected", "labels": {objective: 1, 0 or -1}}',
    schema: pairLine,
    record: async ({ prompt, chosen, rejected, labels }): Promise<PairRecord> => {
      const unknown = Object.keys(labels).find((name) => !names.includes(name));
      if (unknown !== undefined) throw new UserError(`labels has "${unknown}", the objectives are ${names.join(', ')}`);
      if (!Object.values(labels).some((value) => value !== 0)) {
        throw new UserError('every label is 0; remove the line');
      }
      return {
        chosen: await codec.exchange(prompt, chosen),
        rejected: await codec.exchange(prompt, rejected),
        labels: names.map((name) => labels[name] ?? 0),
      };
    },
  });
  const unlabelled = names.find((_, k) => records.every(({ labels }) => labels[k] === 0));
  if (unlabelled !== undefined) throw new UserError(`${path}: no pair has a label for ${unlabelled}`);
  return records;
}
