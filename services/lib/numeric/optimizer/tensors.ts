/** What the optimiser works on: a list of tensors, each flat, in an order that the caller keeps. */

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

/** The error for the first entry that is not finite, if there is one. */
export function findNonFinite(gradients: Gradients): NonFiniteGradientError | undefined {
  for (let t = 0; t < gradients.length; t++) {
    const gradient = at(gradients, t);
    for (let i = 0; i < gradient.length; i++) {
      const value = at(gradient, i);
      if (!Number.isFinite(value)) return new NonFiniteGradientError(t, i, value);
    }
  }
  return undefined;
}

/** Throws a RangeError unless both lists have the same number of tensors with the same lengths. */
export function checkShapes(what: string, tensors: Gradients, like: Tensors): void {
  if (tensors.length !== like.length) {
    throw new RangeError(`${what}: ${tensors.length} tensors, expected ${like.length} as in the parameters`);
  }
  tensors.forEach((tensor, t) => {
    if (tensor.length !== at(like, t).length) {
      throw new RangeError(`${what}: tensor ${t} has ${tensor.length} elements, expected ${at(like, t).length}`);
    }
  });
}
