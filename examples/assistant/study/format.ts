/** Numbers, lists and tables as Markdown. */
import type { Estimate } from './estimates.js';

/** Formats a number; `n/a` if it is not finite. */
export const fixed = (value: number, digits = 2): string =>
  Number.isFinite(value) ? value.toFixed(digits).replace(/^-(0\.0*)$/, '$1') : 'n/a';

/** Formats `1.23 (1.10 to 1.36)`, or only the mean if there is no interval. */
export function shown({ mean, low, high }: Estimate, digits = 2): string {
  return Number.isFinite(low)
    ? `${fixed(mean, digits)} (${fixed(low, digits)} to ${fixed(high, digits)})`
    : fixed(mean, digits);
}

/** Formats a share in percent. */
export function shownShare(share: Estimate | undefined): string {
  if (share === undefined) return 'not measured';
  const { mean, low, high } = share;
  const part = (value: number): string => fixed(Math.min(Math.max(value, 0), 1) * 100, 0);
  return Number.isFinite(low) ? `${part(mean)} % (${part(low)} to ${part(high)})` : `${part(mean)} %`;
}

/** Formats a table whose columns but the first hold numbers. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
}

/** Formats a list. */
export const list = (lines: readonly string[]): string => lines.map((line) => `- ${line}`).join('\n');
