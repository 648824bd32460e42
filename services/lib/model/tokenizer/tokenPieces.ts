/** The text of each token in context: what a decoder adds to the text before it. */
import { at } from '@gapo/numeric';

/** Maximum bytes of a character: a token may contain only one of them. */
const longestCharacter = 4;

/** The replacement for bytes that do not form a character, or not yet. */
const replacement = '\uFFFD';

/** Decodes rows of token ids. */
export type DecodeRows = (rows: readonly (readonly number[])[]) => Promise<readonly string[]>;

/**
 * Returns each token's text. A token on its own may decode to different text than in context: decoders strip the space of a first
 * token, and a character may be spread over several tokens, in which case the last one has the character and the others U+FFFD.
 *
 * Each token is decoded together with the tokens since the last two positions at which the text was complete: byte-fallback
 * decoders treat a run of bytes as a unit, so a run that begins or ends within a character decodes to none.
 *
 * @param decode called once per position, with two lists of ids for each row
 */
export async function tokenPieces(decode: DecodeRows, rows: readonly (readonly number[])[]): Promise<string[][]> {
  const all = rows.map((ids) => new Pieces(ids));
  for (let position = 0; ; position++) {
    const left = all.filter(({ ids }) => position < ids.length);
    if (left.length === 0) return all.map(({ pieces }) => pieces);
    const texts = await decode(left.flatMap((each) => each.windows(position)));
    for (const [i, each] of left.entries()) each.take(position, at(texts, 2 * i), at(texts, 2 * i + 1));
  }
}

/** The pieces of one row so far. */
class Pieces {
  readonly ids: readonly number[];
  readonly pieces: string[] = [];
  /** Positions at which the text was complete: the last, and the one before it, from which tokens are decoded. */
  #whole = 0;
  #start = 0;
  /** Tokens since then, belonging to an incomplete character. */
  #pending = 0;

  constructor(ids: readonly number[]) {
    this.ids = ids;
  }

  /** The ids up to the last complete position, and up to a given position. */
  windows(position: number): [number[], number[]] {
    return [this.ids.slice(this.#start, this.#whole), this.ids.slice(this.#start, position + 1)];
  }

  /** @param before and text decoded from the {@link windows} */
  take(position: number, before: string, text: string): void {
    let same = 0;
    while (same < before.length && before[same] === text[same]) same++;
    const added = text.slice(same);
    if (added.endsWith(replacement) && this.#pending < longestCharacter - 1) {
      this.pieces.push(replacement);
      this.#pending += 1;
      return;
    }
    // What the tokens before it have already produced.
    let known = 0;
    while (known < this.#pending && added[known] === replacement) known++;
    this.pieces.push(added.slice(known));
    this.#start = this.#whole;
    this.#whole = position + 1;
    this.#pending = 0;
  }
}
