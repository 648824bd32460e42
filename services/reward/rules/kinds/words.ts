/** The words of a text, and how often they occur. Pure. */

/** Splits a text at whitespace. */
export function wordsOf(text: string): string[] {
  return text.match(/\S+/gu) ?? [];
}

/** Folds case and Unicode composition, which do not distinguish words. */
export function folded(text: string): string {
  return text.normalize('NFC').toLowerCase();
}

/** Letters of scripts that separate words with spaces, digits and marks: between two of them there is no word boundary. */
const withinWord =
  /^(?!\p{scx=Han}|\p{scx=Hiragana}|\p{scx=Katakana}|\p{scx=Thai}|\p{scx=Lao}|\p{scx=Khmer}|\p{scx=Myanmar})[\p{L}\p{N}\p{M}_]$/u;

/** Counts, up to `most`, how often a word or phrase occurs that is not part of a longer word. Both texts are folded. */
export function occurrences(word: string, text: string, most: number): number {
  let count = 0;
  for (let at = text.indexOf(word); at >= 0 && count < most;) {
    const end = at + word.length;
    const whole = !meets(before(text, at), word) && !meets(word, text.slice(end, end + 2));
    if (whole) count += 1;
    at = text.indexOf(word, whole ? end : at + 1);
  }
  return count;
}

/** Returns the code point that ends at an index. */
function before(text: string, at: number): string {
  return [...text.slice(Math.max(at - 2, 0), at)].at(-1) ?? '';
}

/** Whether there is no word boundary where `right` follows `left`. */
function meets(left: string, right: string): boolean {
  const last = [...left.slice(-2)].at(-1);
  const first = right.codePointAt(0);
  return (
    last !== undefined && first !== undefined && withinWord.test(last) && withinWord.test(String.fromCodePoint(first))
  );
}
