/** Which of the numbers that a server gives for an item is its score, and what is made of it. Pure. */
import { at } from '@gapo/numeric';
import { finiteNumber, nonNegativeInt, z } from '@gapo/service';

/** The keys of a file that say so. */
export const columnKeys = {
  /** The number of the score, from 0; required if there are several. */
  column: nonNegativeInt.optional(),
  /** raw: x; sigmoid: 1 / (1 + exp(-x)); softmax: exp(x) as a share of the sum over the numbers. @default raw */
  activation: z.enum(['raw', 'sigmoid', 'softmax']).default('raw'),
};

/** The bounds of the scores. @default 0 and 1 with sigmoid and softmax */
export const boundKeys = {
  minimum: finiteNumber.optional(),
  maximum: finiteNumber.optional(),
};

/** What is made of the number. */
export type Activation = z.output<typeof columnKeys.activation>;

/** Returns the bounds of a file's scores; undefined where they have none. */
export function boundsOf(
  activation: Activation,
  { minimum, maximum }: { readonly minimum?: number | undefined; readonly maximum?: number | undefined },
): { readonly minimum: number | undefined; readonly maximum: number | undefined } {
  const bounded = activation !== 'raw';
  return { minimum: minimum ?? (bounded ? 0 : undefined), maximum: maximum ?? (bounded ? 1 : undefined) };
}

const activations: Readonly<Record<Activation, (row: readonly number[], column: number) => number>> = {
  raw: (row, column) => at(row, column),
  sigmoid: (row, column) => 1 / (1 + Math.exp(-at(row, column))),
  softmax: (row, column) => {
    const largest = row.reduce((a, b) => Math.max(a, b), -Infinity); // a call has no room for as many arguments as an answer has numbers
    const exps = row.map((x) => Math.exp(x - largest));
    return at(exps, column) / exps.reduce((a, b) => a + b, 0);
  },
};

/** Returns the score that a row of numbers has at a column. It is NaN if a number that it depends on is. */
export function activated(activation: Activation, row: readonly number[], column: number): number {
  return activations[activation](row, column);
}
