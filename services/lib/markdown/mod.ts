/** Markdown that is generated. */

/** A place for a table: `<!-- table: NAME -->`, the table, `<!-- end -->`. */
const places = /<!-- table: (\S+) -->[^]*?<!-- end -->/g;

/**
 * Returns a document whose places for tables are filled.
 *
 * @param tableOf returns a table by its name
 */
export function filled(text: string, tableOf: (name: string) => string): string {
  return text.replaceAll(places, (_, name: string) => `<!-- table: ${name} -->\n\n${tableOf(name)}\n\n<!-- end -->`);
}

/**
 * Formats a table with aligned columns, as prettier does.
 *
 * @example
 * ```ts
 * import { table } from '@gapo/markdown';
 *
 * console.log(table(['key', 'default'], [['shards', '4']]).split('\n')[2]); // '| shards | 4       |'
 * ```
 */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const escaped = rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = head.map((title, k) => Math.max(3, ...[title, ...escaped.map((row) => row[k] ?? '')].map(lengthOf)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, k) => cell + ' '.repeat((widths[k] ?? 0) - lengthOf(cell))).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...escaped.map(line)].join('\n');
}

/** Counts code points. */
function lengthOf(text: string): number {
  return [...text].length;
}
