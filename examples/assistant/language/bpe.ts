/**
 * A byte-level byte-pair encoding fitted on text (Sennrich et al. 2016; over bytes as in GPT-2): the text is split
 * into words, words into bytes, and the most frequent neighbours become one token until the vocabulary is full.
 * Ties go to the pair whose text comes first, so the same text always gives the same vocabulary.
 */

/** A fitted encoding, in the alphabet in which GPT-2 writes bytes as visible characters. */
export interface BytePairEncoding {
  /** Token to id: the special tokens, the 256 bytes, then one token a merge. */
  readonly vocabulary: ReadonlyMap<string, number>;
  /** The pairs in the order in which they merge. */
  readonly merges: readonly (readonly [string, string])[];
}

/** GPT-2's way of splitting text into words, which Hugging Face's ByteLevel pre-tokenizer applies. */
const wordPattern = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** Bytes that stand for themselves: visible ASCII and visible Latin-1. */
function isVisible(byte: number): boolean {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
}

/** The character that stands for each byte: itself if visible, else the next free one from U+0100 on. */
export function byteAlphabet(): readonly string[] {
  let hidden = 0;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isVisible(byte) ? byte : 256 + hidden++));
}

interface Word {
  symbols: string[];
  readonly count: number;
}

function wordsOf(texts: Iterable<string>): Word[] {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const [word] of text.matchAll(wordPattern)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const alphabet = byteAlphabet();
  return [...counts].map(([word, count]) => ({
    symbols: Array.from(Buffer.from(word, 'utf8'), (byte) => alphabet[byte] ?? ''),
    count,
  }));
}

/** Joins a pair to one text by which it can be looked up and compared; no symbol contains a space. */
const pairKey = (left: string, right: string): string => `${left} ${right}`;

function mostFrequentPair(words: readonly Word[]): [string, string] | undefined {
  const counts = new Map<string, number>();
  for (const { symbols, count } of words) {
    for (let i = 1; i < symbols.length; i++) {
      const key = pairKey(symbols[i - 1] ?? '', symbols[i] ?? '');
      counts.set(key, (counts.get(key) ?? 0) + count);
    }
  }
  let best: string | undefined;
  let bestCount = 1; // a pair seen once is no pattern
  for (const [key, count] of counts) {
    if (count > bestCount || (count === bestCount && best !== undefined && key < best)) {
      best = key;
      bestCount = count;
    }
  }
  const [left, right] = best?.split(' ') ?? [];
  return left === undefined || right === undefined ? undefined : [left, right];
}

function mergeIn(word: Word, left: string, right: string): void {
  const merged: string[] = [];
  for (let i = 0; i < word.symbols.length; i++) {
    const symbol = word.symbols[i] ?? '';
    if (symbol === left && word.symbols[i + 1] === right) {
      merged.push(left + right);
      i++;
    } else {
      merged.push(symbol);
    }
  }
  word.symbols = merged;
}

/**
 * Fits an encoding.
 *
 * @param texts to fit on, without special tokens
 * @param vocabularySize of special tokens, bytes and merges together; the result is smaller if the texts run out
 * @param specialTokens get the ids from 0
 * @throws RangeError if the vocabulary cannot even hold the special tokens and the bytes
 */
export function fitBytePairs(
  texts: Iterable<string>,
  vocabularySize: number,
  specialTokens: readonly string[],
): BytePairEncoding {
  const least = specialTokens.length + 256;
  if (!Number.isSafeInteger(vocabularySize) || vocabularySize < least) {
    throw new RangeError(`vocabularySize: found ${vocabularySize}, expected a whole number, ${least} or more`);
  }
  const vocabulary = new Map<string, number>();
  for (const token of [...specialTokens, ...byteAlphabet()]) vocabulary.set(token, vocabulary.size);
  let words = wordsOf(texts);
  const merges: [string, string][] = [];
  while (vocabulary.size < vocabularySize) {
    words = words.filter((word) => word.symbols.length > 1);
    const pair = mostFrequentPair(words);
    if (pair === undefined) break;
    const [left, right] = pair;
    for (const word of words) mergeIn(word, left, right);
    merges.push([left, right]);
    // Two different pairs can spell the same token; it keeps its first id.
    if (!vocabulary.has(left + right)) vocabulary.set(left + right, vocabulary.size);
  }
  return { vocabulary, merges };
}
