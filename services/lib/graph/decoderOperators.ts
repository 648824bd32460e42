/**
 * Operators that only some decoders have: LayerNorm, GELU, weights stored [in, out], fused outputs. Gradient rules follow
 * the conventions of operators.ts.
 */
import { contract, reduceTo } from './contraction.js';
import { type Value, graphOf, record } from './graph.js';
import { emitBinary, emitMatmul, emitReduce, emitUnary } from './nodes.js';

/**
 * LayerNorm: y = x̂ · gain + bias with x̂ = (x − μ) · r and r = 1 / √(variance + ε), over the last axis.
 * With u = dy · gain: dx = r · (u − mean(u) − x̂ · mean(u · x̂)), dgain = Σ_rows dy · x̂, dbias = Σ_rows dy.
 */
export function layerNorm(x: Value, gain: Value, bias: Value, epsilon: number): Value {
  const g = graphOf(x, gain, bias);
  const width = g.constant(1 / (x.dims.at(-1) as number));
  const mean = (value: Value): Value => emitBinary('Mul', emitReduce('ReduceSum', value, -1), width); // [..., 1]
  const centred = emitBinary('Sub', x, mean(x));
  const variance = emitBinary('Mul', emitReduce('ReduceSumSquare', centred, -1), width); // [..., 1]
  const r = emitUnary('Reciprocal', emitUnary('Sqrt', emitBinary('Add', variance, g.constant(epsilon)))); // [..., 1]
  const normed = emitBinary('Mul', centred, r);
  const y = emitBinary('Add', emitBinary('Mul', normed, gain), bias);
  record({
    inputs: [x, gain, bias],
    outputs: [y],
    backward: ([dy]) => [
      dy &&
        (() => {
          const u = emitBinary('Mul', dy, gain);
          const along = emitBinary('Mul', normed, mean(emitBinary('Mul', u, normed)));
          return emitBinary('Mul', emitBinary('Sub', emitBinary('Sub', u, mean(u)), along), r);
        }),
      dy && ((weights) => reduceTo(emitBinary('Mul', dy, normed), gain, weights)),
      dy && ((weights) => reduceTo(dy, bias, weights)),
    ],
  });
  return y;
}

/**
 * GELU by its tanh approximation (Hendrycks and Gimpel 2016, arXiv 1606.08415; `gelu_new`):
 * y = x · σ(2u) with u = √(2/π) · (x + 0.044715·x³), since ½(1 + tanh u) = σ(2u).
 * dx = dy · (σ + y · (1 − σ) · 2u′), u′ = √(2/π) · (1 + 3 · 0.044715·x²).
 */
export function geluTanh(x: Value): Value {
  const g = x.graph;
  const twice = g.constant(2 * Math.sqrt(2 / Math.PI));
  const cubic = 0.044715;
  const polynomial = (linear: number, quadratic: number): Value =>
    emitBinary('Add', emitBinary('Mul', emitBinary('Mul', x, x), g.constant(quadratic)), g.constant(linear));
  const s = emitUnary('Sigmoid', emitBinary('Mul', emitBinary('Mul', x, twice), polynomial(1, cubic)));
  const y = emitBinary('Mul', x, s);
  record({
    inputs: [x],
    outputs: [y],
    backward: ([dy]) => [
      dy &&
        (() => {
          const slope = emitBinary('Mul', polynomial(1, 3 * cubic), twice); // 2u′
          const bend = emitBinary('Mul', emitBinary('Sub', y, emitBinary('Mul', y, s)), slope);
          return emitBinary('Mul', dy, emitBinary('Add', s, bend));
        }),
    ],
  });
  return y;
}

/**
 * A linear layer whose weights are stored as in Hugging Face's Conv1D: y = x · w.
 * x [..., in], w [in, out], y [..., out]. dw = xᵀ · dy contracts over all rows.
 */
export function linearInOut(x: Value, w: Value): Value {
  const y = emitMatmul(x, w);
  record({
    inputs: [x, w],
    outputs: [y],
    backward: ([dy]) => [
      dy && (() => emitMatmul(dy, w, { transB: true })),
      dy && ((weights) => contract(x, dy, weights)),
    ],
  });
  return y;
}

/** Splits x along its last axis into parts of the given widths. dx is the concatenation of the parts' gradients. */
export function splitLast(x: Value, widths: readonly number[]): readonly Value[] {
  const g = x.graph;
  const lead = x.dims.slice(0, -1);
  const axis = { kind: 'int', value: -1 } as const;
  const parts = g.emitAll(
    'Split',
    [x, g.integers(widths)],
    widths.map((width) => ({ dtype: x.dtype, dims: [...lead, width] })),
    { axis },
  );
  record({
    inputs: [x],
    outputs: parts,
    backward: (found) => [
      () => {
        const gradients = parts.map((part, index) => found[index] ?? emitBinary('Mul', part, g.constant(0))); // finite activations: 0 · x = 0
        return g.emit('Concat', gradients, { dtype: x.dtype, dims: x.dims }, { axis });
      },
    ],
  });
  return parts;
}
