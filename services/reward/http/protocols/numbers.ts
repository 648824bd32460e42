/** Picks an item's score from the numbers returned by a classifier's server. */
import { shown } from '@gapo/http';
import { at } from '@gapo/numeric';
import { NoScore } from '@gapo/reward';
import { z } from '@gapo/service';
import { activated, type Activation } from '../../remote/activation.js';

/** Which number is the score. */
export interface Column {
  readonly column?: number | undefined;
  readonly activation: Activation;
}

/** The elements are checked one by one. */
const list = z.array(z.unknown());

/** Returns the score in an item's numbers, or why there is none. */
export function scoreIn(numbers: unknown, { column, activation }: Column): number | NoScore {
  const found = list.safeParse(numbers);
  if (!found.success || found.data.length === 0) {
    return new NoScore(`the answer for the item is ${shown(numbers)}; expected a list of numbers`);
  }
  const row = found.data;
  if (column === undefined && row.length > 1) {
    return new NoScore(`the answer for the item has ${row.length} numbers: set column to the one to score`);
  }
  const chosen = column ?? 0;
  if (chosen >= row.length)
    return new NoScore(`the answer for the item has ${row.length} numbers, but no column ${chosen}`);
  if (activation === 'softmax' && row.length === 1) {
    return new NoScore('the answer for the item has one number, whose softmax is always 1; use sigmoid or raw');
  }
  // A softmax depends on all numbers, the other functions only on the chosen one.
  const used = activation === 'softmax' ? row : [at(row, chosen)];
  const bad = used.find((value) => typeof value !== 'number' || !Number.isFinite(value));
  if (bad !== undefined || used.includes(undefined)) {
    return new NoScore(`the score is ${shown(bad)}; expected a finite number`);
  }
  return activated(activation, row as number[], chosen);
}
