/** The columns of one row, under the names that the forms use. Those that no form takes become metadata. */
import { UserError } from '@gapo/service';

/** Names of columns by the name that a form uses, such as `{ prompt: 'question' }`. */
export type ColumnMap = Readonly<Record<string, string>>;

/** The most columns, and the most characters of a name, that an error lists. */
const shown = { columns: 8, characters: 32 } as const;

/** Describes a value for an error by its kind. Texts are not quoted: errors reach everyone who can create a run. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (value === '') return 'an empty text';
  if (typeof value === 'string') return 'a text';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'number' || typeof value === 'boolean' ? `${typeof value} ${value}` : `a ${typeof value}`;
}

export class Columns {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #map: ColumnMap;
  readonly #taken = new Set<string>();

  constructor(values: Readonly<Record<string, unknown>>, map: ColumnMap = {}) {
    this.#values = values;
    this.#map = map;
  }

  /** Whether a row has a value under a form's name. Null is no value: Parquet has it in every column that a row leaves out. */
  has(name: string): boolean {
    return this.#value(this.#column(name)) !== undefined;
  }

  /** Takes a value; undefined if the row has none. */
  take(name: string): unknown {
    const column = this.#column(name);
    this.#taken.add(column);
    return this.#value(column);
  }

  /**
   * Takes a text.
   *
   * @throws UserError if it is none, is empty, or has a lone half of a surrogate pair, which UTF-8 cannot express
   */
  text(name: string): string {
    return textOf(this.take(name), this.label(name));
  }

  /** Returns a name for errors, with the column's own if it has another. */
  label(name: string): string {
    const column = this.#column(name);
    return column === name ? name : `${name} (column ${column})`;
  }

  /** The columns that have a value, for errors. */
  get names(): string {
    const names = Object.keys(this.#values).filter((name) => this.#value(name) !== undefined);
    const listed = names.slice(0, shown.columns).map((name) => name.slice(0, shown.characters));
    const more = names.length > listed.length ? ` and ${names.length - listed.length} more` : '';
    return names.length === 0 ? 'none' : listed.join(', ') + more;
  }

  /**
   * The values that nothing took, as texts: texts as they are, other values as JSON.
   *
   * @throws UserError if one nests too deeply
   */
  get metadata(): Readonly<Record<string, string>> {
    const rest: Record<string, string> = {};
    for (const name of Object.keys(this.#values)) {
      const value = this.#value(name);
      if (value === undefined || this.#taken.has(name)) continue;
      rest[name] = typeof value === 'string' ? value : jsonText(value, name);
    }
    return rest;
  }

  #column(name: string): string {
    return (Object.hasOwn(this.#map, name) ? this.#map[name] : undefined) ?? name;
  }

  #value(column: string): unknown {
    return Object.hasOwn(this.#values, column) ? (this.#values[column] ?? undefined) : undefined;
  }
}

/**
 * Returns a value as JSON.
 *
 * @throws UserError if it nests deeper than that can be written
 */
function jsonText(value: unknown, label: string): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UserError(`${label}: nests too deeply; remove the column`, { cause: error });
  }
}

/**
 * Returns a value that is a text.
 *
 * @throws UserError as {@link Columns.text}
 */
export function textOf(value: unknown, label: string): string {
  if (typeof value !== 'string' || value === '') {
    throw new UserError(`${label}: found ${kindOf(value)}, expected a text that is not empty`);
  }
  return wellFormed(value, label);
}

/** @throws UserError if a text has a lone half of a surrogate pair */
export function wellFormed(text: string, label: string): string {
  if (isWellFormed(text)) return text;
  throw new UserError(`${label}: has half of a surrogate pair, such as "\\ud83d" alone; write the whole character`);
}

function isWellFormed(text: string): boolean {
  return !/[\ud800-\udfff]/u.test(text);
}
