/** Converts data files: reads rows of any format and writes JSON lines. Rows that yield none are counted with the reason. */
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { type ColumnMap, type Columns, readRecords } from '@gapo/data';
import { isExpected, UserError, writeAtomically } from '@gapo/service';

/** What was read and written. */
export interface Conversion {
  readonly rows: number;
  readonly lines: number;
  /** How many rows or parts of rows were skipped, by reason. */
  readonly leftOut: ReadonlyMap<string, number>;
}

/** How rows are converted. */
export interface Converter {
  readonly map?: ColumnMap;
  /**
   * Converts a row to values, and calls `leaveOut` with the reason for each part of the row that it skips.
   *
   * @throws UserError with the reason if the row is skipped
   */
  readonly convert: (columns: Columns, leaveOut: (reason: string) => void) => readonly object[];
  /**
   * Called after the last row.
   *
   * @throws UserError if the converted data lack something
   */
  readonly check?: () => void;
}

/**
 * Reads files in order, and writes a line for each value, 256 rows at a time.
 *
 * @throws UserError if a file cannot be read or is damaged, a mapped column is in no row, no rows remain, or the output cannot be
 * written. The output is then unchanged.
 */
export async function convertData(
  files: readonly string[],
  out: string,
  { map, convert, check }: Converter,
): Promise<Conversion> {
  const leftOut = new Map<string, number>();
  const leaveOut = (reason: string): void => void leftOut.set(reason, (leftOut.get(reason) ?? 0) + 1);
  let lines = 0;
  const text = new PassThrough();
  const written = writeAtomically(out, text);
  written.catch(() => undefined); // awaited below
  try {
    const read = await readRecords<readonly string[], undefined>(
      files,
      {
        shape: 'an object',
        form: (columns) => {
          try {
            return convert(columns, leaveOut).map((value) => `${JSON.stringify(value)}\n`);
          } catch (error) {
            if (!isExpected(error)) throw error;
            leaveOut(error.message);
            return [];
          }
        },
        encode: async (forms) => {
          lines += forms.reduce((sum, { length }) => sum + length, 0);
          if (!text.write(forms.flat().join(''))) await Promise.race([once(text, 'drain'), written]);
          return forms.map(() => ({ value: undefined, truncated: false }));
        },
      },
      () => undefined,
      map === undefined ? {} : { map },
    );
    const rows = read.reduce((sum, file) => sum + file.rows, 0);
    if (lines === 0) throw new UserError([`${files.join(', ')}: no row is left`, ...reasonLines(leftOut)].join('\n'));
    check?.();
    text.end();
    await written;
    return { rows, lines, leftOut };
  } catch (error) {
    text.destroy();
    await written.catch(() => undefined); // the temporary file is removed; the first error counts
    throw error;
  }
}

/** Maximum number of reasons listed in a text; the rest are counted. */
const shownReasons = 8;

/** Formats reasons as lines, the most frequent first. */
export function reasonLines(leftOut: Conversion['leftOut']): readonly string[] {
  const reasons = [...leftOut].sort(([, a], [, b]) => b - a);
  const more = reasons.slice(shownReasons).reduce((sum, [, times]) => sum + times, 0);
  return [
    ...reasons.slice(0, shownReasons).map(([reason, times]) => `  ${times} × ${reason}`),
    ...(more === 0 ? [] : [`  ${more} × other reasons`]),
  ];
}
