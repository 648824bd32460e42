/** The interface of an HTTP reward protocol: it builds requests for items and reads scores from responses, which are validated before use. */
import { shown } from '@gapo/http';
import { NoScore, type ScoreItem } from '@gapo/reward';
import type { z } from '@gapo/service';

/** The fields of an item in a request. */
export interface Prepared extends ScoreItem {
  /** The model's input, if the protocol sends token ids. */
  readonly tokenIds?: readonly number[];
}

/** A protocol: the request for a batch, and the meaning of its response. */
export interface Protocol {
  /** Maximum number of items per request. */
  readonly batch: number;
  /** Returns an item's fields in a request, or why the item cannot be sent. @default the item */
  prepare?: ((item: ScoreItem) => Prepared | NoScore | Promise<Prepared | NoScore>) | undefined;
  request(items: readonly Prepared[]): Readonly<Record<string, unknown>>;
  /** A boolean key of requests that the server must know. A server that knows it rejects a request with any other value. @default none */
  readonly switch?: { readonly key: string; readonly otherwise: string };
  /**
   * Returns a score, or why there is none, for each item in order.
   *
   * @throws NoScore if no item has a score
   */
  read(answer: unknown, items: readonly ScoreItem[]): readonly (number | NoScore)[];
  /** Explains why the server rejected a request; undefined if the protocol has nothing to add. */
  hint?(refusal: string): string | undefined;
}

/** Returns the item if it has the column named in the file, otherwise an error. */
export function withReference(item: ScoreItem, column: string | undefined): ScoreItem | NoScore {
  if (column === undefined || item.metadata[column] !== undefined) return item;
  const names = Object.keys(item.metadata).join(', ') || 'none';
  return new NoScore(`reference: the prompt has no column ${column}; it has ${names}`);
}

/** Values sent in addition to a request's own, or overriding them. null omits a key. */
export type Parameters = Readonly<Record<string, unknown>>;

/** Returns a request with parameters. */
export function withParameters(request: Readonly<Record<string, unknown>>, parameters: Parameters) {
  const merged = Object.entries({ ...request, ...parameters });
  return Object.fromEntries(merged.filter(([key, value]) => value !== null || !Object.hasOwn(parameters, key)));
}

/**
 * Returns a response in the expected format.
 *
 * @throws NoScore quoting it otherwise
 */
export function parsed<T>(schema: z.ZodType<T>, answer: unknown, form: string): T {
  const { data, success } = schema.safeParse(answer);
  if (!success) throw new NoScore(`the answer is ${shown(answer)}; expected ${form}`);
  return data;
}

/** @throws NoScore if the number of elements in the response differs from the number of items in the request */
export function counted<T>(list: readonly T[], count: number, what: string): readonly T[] {
  if (list.length !== count) throw new NoScore(`the answer has ${list.length} ${what} for ${count} items`);
  return list;
}

/** Returns a score, or why a value is not one. */
export function scoreOf(value: unknown): number | NoScore {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  return new NoScore(`the score is ${shown(value)}; expected a finite number`);
}
