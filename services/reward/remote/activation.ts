/** Which of the numbers that a server returns for an item is its score, and how it is transformed. Pure. */
import { at } from '@gapo/numeric';
import { finiteNumber, nonNegativeInt, z } from '@gapo/service';

/** The file's keys for this. */
export const columnKeys = {
  /** The index of the score among the numbers, from 0; required if there are several. */
  column: nonNegativeInt.optional(),
  /** raw: x; sigmoid: 1 / (1 + exp(-x)); softmax: exp(x) as a share of the sum over the numbers. @default raw */
  activation: z.enum(['raw', 'sigmoid', 'softmax']).default('raw'),
};

/** The bounds of the scores. @default 0 and 1 with sigmoid and softmax */
export const boundKeys = {
  minimum: finiteNumber.optional(),
  maximum: finiteNumber.optional(),
};

/** How the number is transformed. */
export type Activation = z.output<typeof columnKeys.activation>;

/** Returns the bounds of a file's scores; undefined if they have none. */
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
    const largest = row.reduce((a, b) => Math.max(a, b), -Infinity); // an answer may have more numbers than a call can have arguments
    const exps = row.map((x) => Math.exp(x - largest));
    return at(exps, column) / exps.reduce((a, b) => a + b, 0);
  },
};

/** Returns the score in a column of a row of numbers. NaN if any number that it depends on is NaN. */
export function activated(activation: Activation, row: readonly number[], column: number): number {
  return activations[activation](row, column);
}
