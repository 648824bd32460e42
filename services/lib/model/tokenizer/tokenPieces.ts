/** The text of each token where it stands: what a decoder adds to the text before it. */
import { at } from '@gapo/numeric';

/** Tokens before a token that it is decoded with: a character has at most four bytes, and a decoder may join tokens. */
const context = 6;

/** Decodes rows of token ids. */
export type DecodeRows = (rows: readonly (readonly number[])[]) => Promise<readonly string[]>;

/**
 * Returns each token's text. A token alone may have another text than among others: decoders strip the space of a first token, and
 * a character may be spread over tokens, of which the last has the character and the others U+FFFD.
 *
 * @param decode decodes `2 · ids.length` rows of at most seven ids
 */
export async function tokenPieces(decode: DecodeRows, ids: readonly number[]): Promise<string[]> {
  const starts = ids.map((_, i) => Math.max(0, i - context));
  const rows = starts.flatMap((start, i) => [ids.slice(start, i), ids.slice(start, i + 1)]);
  const texts = await decode(rows);
  return ids.map((_, i) => addition(at(texts, 2 * i), at(texts, 2 * i + 1)));
}

/** Returns what `text` has after `before`, whose incomplete last character may have become another. */
function addition(before: string, text: string): string {
  const stable = before.replace(/\uFFFD+$/, '');
  let same = 0;
  while (same < stable.length && stable[same] === text[same]) same++;
  return text.slice(same);
}
