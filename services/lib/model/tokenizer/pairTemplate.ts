/**
 * Templates with which tokenizers encode two texts as one sequence: the special tokens, and the segment of each token.
 */

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

/** An encoding with the text of each token: 0, 1, or none for a special token. */
export interface PlacedTokens {
  readonly ids: readonly number[];
  readonly segments: readonly number[];
  readonly texts: readonly (number | null | undefined)[];
}

/** Derives the template from an encoding of two texts. Each text must have a token. */
export function pairTemplateOf({ ids, segments, texts }: PlacedTokens): PairTemplate | undefined {
  const parts: TemplatePart[] = [];
  for (const [index, id] of ids.entries()) {
    const segment = segments[index] ?? 0;
    const text = texts[index];
    if (text === null || text === undefined) parts.push({ kind: 'special', id, segment });
    else if (text !== texts[index - 1]) parts.push({ kind: 'text', text: text === 0 ? 'first' : 'second', segment });
  }
  const count = parts.filter(({ kind }) => kind === 'text').length;
  return count === 2 && parts.length > 2 ? new PairTemplate(parts) : undefined;
}
