/** Truncates texts to a model's token limit without encoding all of a huge text. */

/** Characters per token assumed in the first attempt at a long text. */
export const roomyCharactersPerToken = 16;

/**
 * Returns the result for a number of characters that fits while one more does not. Doubles the number until it no longer fits,
 * then bisects. Except in the rare case that a text has fewer tokens than a part of it, this is the largest number that fits.
 *
 * @param all the number of characters in the whole text
 * @param maxTokens the limit, including special tokens
 * @param partly whether a part of the text is acceptable
 * @param keeping returns the result for a number of characters; undefined if it does not fit
 * @returns undefined if not even 0 characters fit, or if not all fit and a part is not acceptable
 */
export async function longestThatFits<T>(
  all: number,
  maxTokens: number,
  partly: boolean,
  keeping: (count: number) => Promise<T | undefined>,
): Promise<T | undefined> {
  let fits = -1;
  let best: T | undefined;
  let count = Math.min(all, roomyCharactersPerToken * maxTokens);
  for (;;) {
    const found = await keeping(count);
    if (found === undefined) break;
    if (count === all) return found;
    [fits, best] = [count, found];
    count = Math.min(all, 2 * count);
  }
  if (!partly) return undefined;
  if (fits < 0 && count > 0) [fits, best] = [0, await keeping(0)];
  if (best === undefined) return undefined;
  for (let tooMany = count; tooMany - fits > 1;) {
    const middle = Math.floor((fits + tooMany) / 2);
    const found = await keeping(middle);
    if (found === undefined) tooMany = middle;
    else [fits, best] = [middle, found];
  }
  return best;
}
