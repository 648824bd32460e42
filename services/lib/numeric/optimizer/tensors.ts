/** The parameters of the optimizer: a list of tensors, each flat, in an order that the caller keeps. */

import { at } from '../at.js';

/** Parameters or moments: float32, updated in place. */
export type Tensors = readonly Float32Array[];

/** Gradients: either precision, one for each tensor of the same length. */
export type Gradients = readonly (Float32Array | Float64Array)[];

/** A NaN or an infinity where a finite number must be. Nothing has been modified when it is thrown. */
export class NonFiniteGradientError extends Error {
  override readonly name = 'NonFiniteGradientError';
  /** Index of the tensor in the list. */
  readonly tensor: number;
  /** Index of the entry in the tensor. */
  readonly index: number;
  /** The entry. */
  readonly value: number;

  constructor(tensor: number, index: number, value: number) {
    super(
      `gradient of tensor ${tensor}, entry ${index}, is ${value}, expected a finite number; ` +
        'drop the batch, or lower the learning rate',
    );
    this.tensor = tensor;
    this.index = index;
    this.value = value;
  }
}

/**
 * Returns an entry of a gradient, as {@link at} does. It is a separate function because the engine compiles it for the one or two
 * kinds of arrays that gradients come in.
 *
 * @throws RangeError for an index outside of the gradient
 */
export function entryOf(gradient: Float32Array | Float64Array, index: number): number {
  const entry = gradient[index];
  if (entry === undefined)
    throw new RangeError(`index ${index} is outside of a gradient of ${gradient.length} entries`);
  return entry;
}

/** The error for the first entry that is not finite, if there is one. */
export function findNonFinite(gradients: Gradients): NonFiniteGradientError | undefined {
  for (const [t, gradient] of gradients.entries()) {
    const i = gradient.findIndex((entry) => !Number.isFinite(entry));
    if (i >= 0) return new NonFiniteGradientError(t, i, entryOf(gradient, i));
  }
  return undefined;
}

/**
 * Checks that both lists have the same number of tensors with the same lengths.
 *
 * @throws RangeError where they do not
 */
export function checkShapes(what: string, tensors: Gradients, like: Tensors): void {
  if (tensors.length !== like.length) {
    throw new RangeError(`${what}: ${tensors.length} tensors, expected ${like.length} as in the parameters`);
  }
  for (const [t, tensor] of tensors.entries()) {
    const { length } = at(like, t);
    if (tensor.length !== length) {
      throw new RangeError(`${what}: tensor ${t} has ${tensor.length} elements, expected ${length}`);
    }
  }
}
