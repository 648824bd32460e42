/** The text of each token where it stands: what a decoder adds to the text before it. */
import { at } from '@gapo/numeric';

/** Bytes of a character, at most: a token may have one of them. */
const longestCharacter = 4;

/** What stands for bytes that are no character, or not yet. */
const replacement = '\uFFFD';

/** Decodes rows of token ids. */
export type DecodeRows = (rows: readonly (readonly number[])[]) => Promise<readonly string[]>;

/**
 * Returns each token's text. A token alone may have another text than among others: decoders strip the space of a first token, and
 * a character may be spread over tokens, of which the last has the character and each other one U+FFFD.
 *
 * Each token is decoded after those since the last two places at which the text was whole: decoders of byte-fallback tokens take a
 * row of bytes as one, so that a row that begins or ends within a character has none.
 *
 * @param decode called once for each position, with two rows of some ids for each row
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
  /** Places at which the text was whole: the last, and the one before, from which tokens are decoded. */
  #whole = 0;
  #start = 0;
  /** Tokens since then, of a character that is not whole. */
  #pending = 0;

  constructor(ids: readonly number[]) {
    this.ids = ids;
  }

  /** The ids up to the last whole place, and up to a position. */
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
    // What the tokens before have already.
    let known = 0;
    while (known < this.#pending && added[known] === replacement) known++;
    this.pieces.push(added.slice(known));
    this.#start = this.#whole;
    this.#whole = position + 1;
    this.#pending = 0;
  }
}
