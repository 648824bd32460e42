/** Texts that are cut to what a model takes, without looking at the whole of a huge one. */

/** Characters a token that a first look at a long text allows for; a longer text is looked at piece by piece. */
export const roomyCharactersPerToken = 16;

/**
 * What the most characters give. Grows the count until it no longer fits, then bisects.
 *
 * @param all characters there are
 * @param maxTokens of what fits, special tokens included
 * @param partly whether fewer than all will do
 * @param keeping what so many characters give; undefined where that does not fit
 * @returns undefined where not even none fit
 */
export function longestThatFits<T>(
  all: number,
  maxTokens: number,
  partly: boolean,
  keeping: (count: number) => T | undefined,
): T | undefined {
  let fits = -1;
  let best: T | undefined;
  let count = Math.min(all, roomyCharactersPerToken * maxTokens);
  for (;;) {
    const found = keeping(count);
    if (found === undefined) break;
    if (count === all) return found;
    [fits, best] = [count, found];
    count = Math.min(all, 2 * count);
  }
  if (!partly) return undefined;
  if (fits < 0 && count > 0) [fits, best] = [0, keeping(0)];
  if (best === undefined) return undefined;
  for (let tooMany = count; tooMany - fits > 1;) {
    const middle = Math.floor((fits + tooMany) / 2);
    const found = keeping(middle);
    if (found === undefined) tooMany = middle;
    else [fits, best] = [middle, found];
  }
  return best;
}
