/** What an HTTP protocol of rewards is: requests for items, and the scores in answers, which are validated before use. */
import { shown } from '@gapo/http';
import { NoScore, type ScoreItem } from '@gapo/reward';
import type { z } from '@gapo/service';

/** What a request has of an item. */
export interface Prepared extends ScoreItem {
  /** What the model reads, in a protocol that sends token ids. */
  readonly tokenIds?: readonly number[];
}

/** A protocol: the request for a batch, and what its answer means. */
export interface Protocol {
  /** The most items of a request. */
  readonly batch: number;
  /** Returns what a request has of an item, or why the item cannot be asked about. @default the item */
  prepare?: ((item: ScoreItem) => Prepared | NoScore | Promise<Prepared | NoScore>) | undefined;
  request(items: readonly Prepared[]): Readonly<Record<string, unknown>>;
  /** A key of requests, true or false, that the server has to know: with another value, one that knows it refuses a request. @default none */
  readonly switch?: { readonly key: string; readonly otherwise: string };
  /**
   * Returns a score, or why there is none, for each item in order.
   *
   * @throws NoScore if no item has a score
   */
  read(answer: unknown, items: readonly ScoreItem[]): readonly (number | NoScore)[];
  /** Explains a request that the server refused; undefined if the protocol has nothing to add. */
  hint?(refusal: string): string | undefined;
}

/** Returns an item that has the column that the file names, or the error of one that lacks it. */
export function withReference(item: ScoreItem, column: string | undefined): ScoreItem | NoScore {
  if (column === undefined || item.metadata[column] !== undefined) return item;
  const names = Object.keys(item.metadata).join(', ') || 'none';
  return new NoScore(`reference: the prompt has no column ${column}; it has ${names}`);
}

/** Values that are sent in place of a request's own, or beside them. null leaves a key out. */
export type Parameters = Readonly<Record<string, unknown>>;

/** Returns a request with parameters. */
export function withParameters(request: Readonly<Record<string, unknown>>, parameters: Parameters) {
  const merged = Object.entries({ ...request, ...parameters });
  return Object.fromEntries(merged.filter(([key, value]) => value !== null || !Object.hasOwn(parameters, key)));
}

/**
 * Returns an answer of the expected form.
 *
 * @throws NoScore that quotes it otherwise
 */
export function parsed<T>(schema: z.ZodType<T>, answer: unknown, form: string): T {
  const { data, success } = schema.safeParse(answer);
  if (!success) throw new NoScore(`the answer is ${shown(answer)}; expected ${form}`);
  return data;
}

/** @throws NoScore if an answer has another number of elements than the request had items */
export function counted<T>(list: readonly T[], count: number, what: string): readonly T[] {
  if (list.length !== count) throw new NoScore(`the answer has ${list.length} ${what} for ${count} items`);
  return list;
}

/** Returns a score, or why a value is none. */
export function scoreOf(value: unknown): number | NoScore {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  return new NoScore(`the score is ${shown(value)}; expected a finite number`);
}
