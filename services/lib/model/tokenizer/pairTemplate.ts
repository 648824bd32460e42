/** Templates by which tokenizers encode two texts as one sequence: the special tokens, and the segment of each token. */

/** A part of the template: a special token, or all tokens of a text. */
export type TemplatePart =
  | {
      readonly kind: 'special';
      readonly id: number;
      /** The token's `token_type_ids`. */
      readonly segment: number;
    }
  | { readonly kind: 'text'; readonly text: 'first' | 'second'; readonly segment: number };

/** A sequence of two texts. */
export interface EncodedPair {
  readonly ids: readonly number[];
  /** `token_type_ids`: the segment of each token. */
  readonly segments: readonly number[];
}

/** A tokenizer's template for two texts, such as `[CLS] first [SEP] second [SEP]`. */
export class PairTemplate {
  readonly #parts: readonly TemplatePart[];

  constructor(parts: readonly TemplatePart[]) {
    this.#parts = parts;
  }

  /** The number of special tokens in a sequence. */
  get specialTokens(): number {
    return this.#parts.filter(({ kind }) => kind === 'special').length;
  }

  /** Returns the sequence of two texts that were encoded without special tokens. */
  fill(first: readonly number[], second: readonly number[]): EncodedPair {
    const ids: number[] = [];
    const segments: number[] = [];
    for (const part of this.#parts) {
      const added = part.kind === 'special' ? [part.id] : part.text === 'first' ? first : second;
      for (const id of added) {
        ids.push(id);
        segments.push(part.segment);
      }
    }
    return { ids, segments };
  }
}

/** A tokenizer's post-processor: maps the tokens of one or two texts to those of the sequence. */
export type PostProcessor = (
  first: readonly string[],
  second: readonly string[] | null,
  addSpecialTokens: boolean,
) => { readonly tokens: readonly string[]; readonly token_type_ids?: readonly number[] };

/** Texts that no vocabulary has. */
const placeholders = { first: '\0first', second: '\0second' } as const;

/**
 * Derives the template by post-processing two placeholders.
 *
 * @param segmented whether the second text is a second segment; RoBERTa's processor has a single segment
 * @returns undefined if the tokenizer drops the second text, or does not separate the two
 */
export function pairTemplate(
  process: PostProcessor,
  idOf: (token: string) => number | undefined,
  segmented: boolean,
): PairTemplate | undefined {
  const { tokens, token_type_ids: segments } = process([placeholders.first], [placeholders.second], true);
  const parts: TemplatePart[] = [];
  for (const [index, token] of tokens.entries()) {
    const segment = segmented ? (segments?.[index] ?? 0) : 0;
    const text = (['first', 'second'] as const).find((name) => placeholders[name] === token);
    if (text !== undefined) parts.push({ kind: 'text', text, segment });
    else {
      const id = idOf(token);
      if (id === undefined) return undefined;
      parts.push({ kind: 'special', id, segment });
    }
  }
  const texts = parts.filter(({ kind }) => kind === 'text').length;
  return texts === 2 && parts.length > 2 ? new PairTemplate(parts) : undefined;
}

/** Counts the special tokens that the post-processor appends to a single text. */
export function appendedTokens(process: PostProcessor): number {
  const { tokens } = process([placeholders.first], null, true);
  const place = tokens.indexOf(placeholders.first);
  return place < 0 ? 0 : tokens.length - 1 - place;
}
