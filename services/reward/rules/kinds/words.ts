/** Words of a text, and where they occur in it. Pure. */

/** Runs of what is not white space. */
export function wordsOf(text: string): string[] {
  return text.match(/\S+/gu) ?? [];
}

/** Case and composition do not tell words apart. */
export function folded(text: string): string {
  return text.normalize('NFC').toLowerCase();
}

/** Letters of scripts that put spaces between words, digits and marks: where two meet, a word goes on. */
const withinWord =
  /^(?!\p{scx=Han}|\p{scx=Hiragana}|\p{scx=Katakana}|\p{scx=Thai}|\p{scx=Lao}|\p{scx=Khmer}|\p{scx=Myanmar})[\p{L}\p{N}\p{M}_]$/u;

/** How often a word or phrase occurs, not as a part of a longer word; counted up to `most`. Both texts are folded. */
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

/** The code point that ends at an index. */
function before(text: string, at: number): string {
  return [...text.slice(Math.max(at - 2, 0), at)].at(-1) ?? '';
}

function meets(left: string, right: string): boolean {
  const last = [...left.slice(-2)].at(-1);
  const first = right.codePointAt(0);
  return (
    last !== undefined && first !== undefined && withinWord.test(last) && withinWord.test(String.fromCodePoint(first))
  );
}
