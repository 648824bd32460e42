/**
 * Encodes many items at once: each item becomes a plan with texts, all texts are encoded together, and each item is completed
 * from its ids.
 */
import { at } from '@gapo/numeric';
import { isExpected, UserError } from '@gapo/service';

/** An encoded item, or why it cannot be encoded. */
export type Encoded<T> =
  | Fitted<T>
  | {
      readonly error: UserError;
      /** Whether the only problem is its length. */
      readonly overlong: boolean;
    };

/** An item is longer than the model's context. */
export class OverlongError extends UserError {}

/** An item that fits, and whether it lost tokens from its left. */
export interface Fitted<T> {
  readonly value: T;
  readonly truncated: boolean;
}

/** How an item is encoded. */
export interface Plan<T> {
  readonly texts: readonly string[];
  /**
   * Returns the item from the ids of its texts.
   *
   * @throws UserError if they cannot be used for training
   */
  readonly complete: (ids: readonly (readonly number[])[]) => Promise<Fitted<T>>;
}

/** Encodes texts without adding special tokens. */
export type EncodeTexts = (texts: readonly string[]) => Promise<readonly (readonly number[])[]>;

/** Encodes items, in their order. Unexpected errors are thrown. */
export async function encodeItems<Item, T>(
  items: readonly Item[],
  encode: EncodeTexts,
  plan: (item: Item) => Plan<T>,
): Promise<readonly Encoded<T>[]> {
  const plans = await Promise.all(items.map((item) => attempt(async () => plan(item))));
  const planned = plans.flatMap((each) => ('value' in each ? [each.value] : []));
  const together = await attempt(async () => encode(planned.flatMap(({ texts }) => texts)));
  let next = 0;
  return Promise.all(
    plans.map(async (each) => {
      if (!('value' in each)) return each;
      const { texts, complete } = each.value;
      const start = next;
      next += texts.length;
      // One text that cannot be encoded fails all of them, so each item is then tried separately.
      const completed = await attempt(async () =>
        complete('value' in together ? together.value.slice(start, start + texts.length) : await encode(texts)),
      );
      return 'value' in completed ? completed.value : completed;
    }),
  );
}

type Failed = Extract<Encoded<never>, { readonly error: unknown }>;

async function attempt<T>(work: () => Promise<T>): Promise<{ readonly value: T } | Failed> {
  try {
    return { value: await work() };
  } catch (error) {
    if (!isExpected(error)) throw error;
    const expected = error instanceof UserError ? error : new UserError(error.message);
    return { error: expected, overlong: error instanceof OverlongError };
  }
}

/** Combines plans into one whose value is the list of their values. */
export function together<T>(plans: readonly Plan<T>[]): Plan<readonly T[]> {
  return {
    texts: plans.flatMap(({ texts }) => texts),
    complete: async (ids) => {
      const all: Fitted<T>[] = [];
      let next = 0;
      for (const { texts, complete } of plans) all.push(await complete(ids.slice(next, (next += texts.length))));
      return { value: all.map(({ value }) => value), truncated: all.some(({ truncated }) => truncated) };
    },
  };
}

/** Returns the number of leading ids, or characters, that two sequences share. */
export function sharedLength<T>(one: ArrayLike<T>, other: ArrayLike<T>): number {
  const most = Math.min(one.length, other.length);
  let length = 0;
  while (length < most && at(one, length) === at(other, length)) length += 1;
  return length;
}
