/** Reads data files as records: rows are interpreted and encoded in batches, and every problem is named with its place. */
import type { Encoded } from '@gapo/model';
import { at } from '@gapo/numeric';
import { isExpected, UserError } from '@gapo/service';
import { rowsOf } from './files/rows.js';
import { type ColumnMap, Columns } from './forms/columns.js';

/** The format of a row, and the record that it becomes. */
export interface DataFormat<Form, Item> {
  /** The format for error messages, such as `{"prompt"}`. */
  readonly shape: string;
  /** Interprets a row. A UserError that it throws is a problem of that row. */
  readonly form: (columns: Columns, number: number) => Form;
  /** Encodes rows, in their order. */
  readonly encode: (forms: readonly Form[]) => Promise<readonly Encoded<Item>[]>;
}

/** Options of {@link readRecords}. */
export interface ReadOptions {
  /** The columns that forms find under other names. @default none */
  readonly map?: ColumnMap;
  /** Whether rows that are too long are left out instead of refused. @default false */
  readonly dropOverlong?: boolean;
  /** Milliseconds for one row group of a Parquet file, after which the file is held to be damaged. @default 60,000 */
  readonly rowGroupMs?: number;
  /** Receives the number of rows read so far, after each batch. */
  readonly progress?: (rows: number) => void;
}

/** A file that was read. */
export interface DataFile {
  /** The path as given. */
  readonly file: string;
  /** SHA-256 (hex) of its bytes. */
  readonly sha256: string;
  /** The number of rows that are not blank. */
  readonly rows: number;
  /** Rows that were left out because they are too long. */
  readonly dropped: number;
  /** Rows that lost tokens from their left because they are too long. */
  readonly truncated: number;
}

/** The most problems that an error lists; it counts the rest. */
const shownProblems = 5;

/** Rows that are encoded together. */
const batchRows = 256;

/**
 * Reads every record of some files, in order.
 *
 * @param add receives each record
 * @throws UserError with a line `file:line: problem` for each of the first invalid rows and the number of the others; if a
 *   file cannot be read or is no data file; if no row is left; or if no row has a column of `map`
 * @example
 * ```ts
 * import { promptForm, readRecords } from '@gapo/data';
 *
 * const format = {
 *   shape: '{"prompt"}',
 *   form: promptForm,
 *   encode: async (prompts) => prompts.map((value) => ({ value, truncated: false })),
 * };
 * await readRecords(['prompts.parquet'], format, ({ turns }) => console.log(turns), { map: { prompt: 'question' } });
 * ```
 */
export async function readRecords<Form, Item>(
  files: readonly string[],
  format: DataFormat<Form, Item>,
  add: (record: Item) => void,
  options: ReadOptions = {},
): Promise<readonly DataFile[]> {
  const reading = new Reading(format, add, options);
  for (const file of files) await reading.read(file);
  return reading.result(files);
}

/** What became of a file's rows. */
interface Counts {
  dropped: number;
  truncated: number;
}

/** A row that waits for its batch: what it says, or why it says nothing. */
interface Waiting<Form> {
  readonly place: string;
  readonly read: { readonly form: Form } | { readonly error: unknown };
}

/** The files that are being read. */
class Reading<Form, Item> {
  readonly #format: DataFormat<Form, Item>;
  readonly #add: (record: Item) => void;
  readonly #options: ReadOptions;
  readonly #files: DataFile[] = [];
  readonly #problems: string[] = [];
  #problemCount = 0;
  #rows = 0;
  #records = 0;
  /** The columns of the map that no row has had. */
  readonly #unseen: Set<string>;
  #columns = '';

  constructor(format: DataFormat<Form, Item>, add: (record: Item) => void, options: ReadOptions) {
    this.#format = format;
    this.#add = add;
    this.#options = options;
    this.#unseen = new Set(Object.values(options.map ?? {}));
  }

  async read(file: string): Promise<void> {
    const counts = { rows: 0, dropped: 0, truncated: 0 };
    let batch: Waiting<Form>[] = [];
    /** The batch that is being encoded while the next one is read and begun. */
    let encoding: Promise<void> = Promise.resolve();
    const flush = async (): Promise<void> => {
      const begun = this.#begin(batch);
      batch = [];
      await encoding;
      encoding = begun.then((add) => add(counts));
      encoding.catch(() => undefined); // awaited with the next batch
      this.#options.progress?.(this.#rows);
    };
    const rows = rowsOf(file, this.#options.rowGroupMs);
    let sha256: string | undefined;
    while (sha256 === undefined) {
      const next = await rows.next();
      if (next.done === true) {
        sha256 = next.value;
        continue;
      }
      const { number, place, columns } = next.value;
      counts.rows += 1;
      this.#rows += 1;
      try {
        batch.push({ place, read: { form: this.#form(columns(), number) } });
      } catch (error) {
        batch.push({ place, read: { error } });
      }
      if (counts.rows % batchRows === 0) await flush();
    }
    await flush();
    await encoding;
    this.#files.push({ file, sha256, ...counts });
  }

  result(files: readonly string[]): readonly DataFile[] {
    const { map = {} } = this.#options;
    const named = files.join(', ');
    const unseen = Object.entries(map).find(([, column]) => this.#unseen.has(column));
    if (this.#rows > 0 && unseen !== undefined) {
      const [form, column] = unseen;
      throw new UserError(
        `${named}: no row has a column "${column}", to which ${form} is mapped; the columns are ${this.#columns}`,
      );
    }
    const more = this.#problemCount - this.#problems.length;
    if (more > 0) this.#problems.push(`and ${more} more rows`);
    if (this.#problemCount > 0) throw new UserError(this.#problems.join('\n'));
    if (this.#records === 0) {
      throw new UserError(
        this.#rows === 0
          ? `${named}: no lines; write ${this.#format.shape}, one per line`
          : `${named}: every row is too long for the model's context`,
      );
    }
    return this.#files;
  }

  #form(values: Readonly<Record<string, unknown>>, number: number): Form {
    const columns = new Columns(values, this.#options.map);
    if (this.#columns === '') this.#columns = columns.names;
    for (const column of this.#unseen) if (Object.hasOwn(values, column)) this.#unseen.delete(column);
    try {
      return this.#format.form(columns, number);
    } catch (error) {
      if (!isExpected(error)) throw error;
      throw new UserError(`${error.message}; a line is ${this.#format.shape}`, { cause: error });
    }
  }

  /** Begins to encode a batch, and returns the function that adds its records. */
  async #begin(batch: readonly Waiting<Form>[]): Promise<(counts: Counts) => void> {
    const encoded = await this.#format.encode(batch.flatMap(({ read }) => ('form' in read ? [read.form] : [])));
    return (counts) => {
      let next = 0;
      for (const { place, read } of batch) {
        const result = 'form' in read ? at(encoded, next++) : { error: read.error, overlong: false };
        if ('value' in result) {
          this.#add(result.value);
          this.#records += 1;
          if (result.truncated) counts.truncated += 1;
        } else if (result.overlong && this.#options.dropOverlong === true) counts.dropped += 1;
        else this.#problem(place, result.error);
      }
    };
  }

  #problem(place: string, error: unknown): void {
    if (!isExpected(error)) throw error;
    this.#problemCount += 1;
    if (this.#problems.length < shownProblems) {
      this.#problems.push(`${place}: ${error.message}`);
    }
  }
}
