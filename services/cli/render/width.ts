/** Measures and truncates text by its width in a terminal. */
import { plainText } from '@gapo/rpc';

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Ranges of code points that take two columns: East Asian wide and full-width forms, and emoji. */
const wideRanges: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f900, 0x1faff],
  [0x20000, 0x3fffd],
];

function graphemeWidth(grapheme: string): number {
  const code = grapheme.codePointAt(0) ?? 0;
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return 0;
  if (/^\p{M}/u.test(grapheme)) return 0;
  return wideRanges.some(([low, high]) => code >= low && code <= high) ? 2 : 1;
}

/** Returns the columns of a text without escape sequences. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const { segment } of segmenter.segment(text)) width += graphemeWidth(segment);
  return width;
}

/** Truncates a text to a maximum width; truncated text ends in `…`. */
export function fit(text: string, width: number): string {
  if (width <= 0) return '';
  if (displayWidth(text) <= width) return text;
  let kept = '';
  let used = 0;
  for (const { segment } of segmenter.segment(text)) {
    used += graphemeWidth(segment);
    if (used > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** Truncates or pads a text to an exact width. */
export function padEnd(text: string, width: number): string {
  const fitted = fit(text, width);
  return fitted + ' '.repeat(Math.max(width - displayWidth(fitted), 0));
}

/** Formats a text as one line: shows line breaks, replaces tabs, drops other control characters. */
export function oneLine(text: string): string {
  return plainText(text).replaceAll('\n', '⏎ ').replaceAll('\t', ' ').trim();
}
