/** Data sets of texts: pretraining texts for PTX, and preference pairs for DPO. */
import {
  type Columns,
  type DataFormat,
  kindOf,
  type Learned,
  learnedForm,
  type Preference,
  preferenceForm,
} from '@gapo/data';
import type { TextCodec, TokenSequence } from '@gapo/model';
import { at } from '@gapo/numeric';
import { UserError } from '@gapo/service';
import type { Packing } from './recordList.js';

type Label = -1 | 0 | 1;

/** Two completions of one prompt, whose ids are the same in both. */
export interface PairRecord {
  readonly chosen: TokenSequence;
  readonly rejected: TokenSequence;
  /** One label per objective: 1 if `chosen` is better, -1 if `rejected` is better, 0 if unlabelled. */
  readonly labels: readonly Label[];
}

/** Text to learn from, without conversations. */
export type LearnedText = Exclude<Learned, { readonly turns: unknown }>;

/** Returns the format of files of pretraining texts: rows `{"text"}` or `{"prompt", "completion"}`. */
export function textFormat(codec: TextCodec): DataFormat<LearnedText, TokenSequence> {
  return {
    shape: '{"text"} or {"prompt", "completion"}',
    form: (columns) => {
      const learned = learnedForm(columns);
      if (!('turns' in learned)) return learned;
      throw new UserError('messages: conversations are for gapo sft; write texts, or prompts with a completion');
    },
    encode: (forms) => codec.learned(forms),
  };
}

/**
 * Returns the format of files of preference pairs: rows `{"prompt", "chosen", "rejected", "labels": {objective: 1, 0 or -1}}`.
 * Every row needs a label for at least one objective. Without labels, `chosen` is better by the only objective.
 *
 * @param names the objectives
 */
export function pairFormat(
  names: readonly string[],
  codec: TextCodec,
): DataFormat<Preference & Pick<PairRecord, 'labels'>, PairRecord> {
  return {
    shape: '{"prompt", "chosen", "rejected", "labels": {objective: 1, 0 or -1}}',
    form: (columns) => ({ labels: labelsOf(columns, names), ...preferenceForm(columns) }),
    encode: async (forms) => {
      const encoded = await codec.completions(
        forms.map(({ prompt, chosen, rejected }) => ({ prompt, completions: [chosen, rejected] })),
      );
      return encoded.map((result, i) => {
        if (!('value' in result)) return result;
        const { promptIds, completionIds } = result.value;
        const completion = (which: number): TokenSequence => ({ promptIds, completionIds: at(completionIds, which) });
        return { ...result, value: { chosen: completion(0), rejected: completion(1), labels: at(forms, i).labels } };
      });
    },
  };
}

/** How pairs cross threads. */
export const pairPacking: Packing<PairRecord> = {
  lists: 3,
  pack: ({ chosen, rejected, labels }) => ({
    ids: [chosen.promptIds, chosen.completionIds, rejected.completionIds],
    json: labels,
  }),
  unpack: ([promptIds = [], chosen = [], rejected = []], json) => ({
    chosen: { promptIds, completionIds: chosen },
    rejected: { promptIds, completionIds: rejected },
    labels: json as readonly Label[],
  }),
};

/** How texts cross threads. */
export const sequencePacking: Packing<TokenSequence> = {
  lists: 2,
  pack: ({ promptIds, completionIds }) => ({ ids: [promptIds, completionIds], json: null }),
  unpack: ([promptIds = [], completionIds = []]) => ({ promptIds, completionIds }),
};

/** @throws UserError if labels are not valid, or are missing with several objectives */
function labelsOf(columns: Columns, names: readonly string[]): readonly Label[] {
  const given = columns.take('labels');
  if (given === undefined) {
    if (names.length === 1) return [1];
    throw new UserError(`labels: found nothing, expected an object with 1, 0 or -1 for ${names.join(', ')}`);
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new UserError(`labels: found ${kindOf(given)}, expected an object with 1, 0 or -1 for ${names.join(', ')}`);
  }
  const labels = given as Readonly<Record<string, unknown>>;
  for (const [name, value] of Object.entries(labels)) {
    if (!names.includes(name)) throw new UserError(`labels has "${name}", the objectives are ${names.join(', ')}`);
    if (!isLabel(value ?? 0)) throw new UserError(`labels.${name}: found ${kindOf(value)}, expected 1, 0 or -1`);
  }
  const found = names.map((name) => labels[name] ?? 0).filter(isLabel);
  if (found.every((label) => label === 0)) throw new UserError('every label is 0; remove the line');
  return found;
}

function isLabel(value: unknown): value is Label {
  return value === 1 || value === 0 || value === -1;
}
