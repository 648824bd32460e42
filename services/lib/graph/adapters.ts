/** Linear maps with low-rank adapters (Hu et al. 2021, arXiv 2106.09685). */
import { contract } from './contraction.js';
import { type Value, record } from './graph.js';
import { emitBinary, emitMatmul } from './nodes.js';

/** A low-rank change of a weight: scale · b · a. a [rank, in], b [out, rank]. */
export interface Adapter {
  readonly a: Value;
  readonly b: Value;
  readonly scale: number;
}

/** w + scale · b · a, of w's shape: [out, in], or [in, out] with `inOut`. Has no gradient; see {@link adaptedLinear}. */
export function mergedWeight(w: Value, { a, b, scale }: Adapter, inOut = false): Value {
  const change = inOut
    ? emitMatmul(a, b, { transA: true, transB: true, alpha: scale })
    : emitMatmul(b, a, { alpha: scale });
  return emitBinary('Add', w, change);
}

/**
 * y = x · (w + scale · b · a)ᵀ. x [..., in], y [..., out]; w is [out, in], or [in, out] with `inOut`.
 *
 * The sum is computed once per run, so rows need one product instead of three, forward and backward. The adapter's gradients
 * do not need the gradient of the sum: da = scale · (dy · b)ᵀ · x, db = scale · dyᵀ · (x · aᵀ). w has no gradient.
 *
 * @param merged the mergedWeight of w and the adapter
 */
export function adaptedLinear(x: Value, merged: Value, { a, b, scale }: Adapter, inOut = false): Value {
  const y = emitMatmul(x, merged, { transB: !inOut });
  record({
    inputs: [x, a, b],
    outputs: [y],
    backward: ([dy]) =>
      dy === undefined
        ? []
        : [
            () => emitMatmul(dy, merged, { transB: inOut }),
            (weights) => contract(emitMatmul(dy, b), x, weights, scale),
            (weights) => contract(dy, emitMatmul(x, a, { transB: true }), weights, scale),
          ],
  });
  return y;
}
