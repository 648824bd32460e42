/**
 * Operators: each emits the ONNX nodes of its forward pass and records its backward pass next to it.
 *
 * Shapes follow NumPy's broadcasting. A rule returns a gradient of the input's own shape; for a parameter under row
 * weights (see RowWeights) it returns [K, ...shape]. Derivations: y is the output, dy its gradient, dx an input's.
 */
import { contract, reduceTo, scatterRows } from './contraction.js';
import { type Dim, type InputGradient, type Value, graphOf, record } from './graph.js';
import { cast, emitBinary, emitMatmul, emitReshape, emitReshapeLike, emitTranspose, emitUnary } from './nodes.js';

/** Records an operator with one output. `backward` is called only if a gradient reaches the output. */
function differentiable(
  y: Value,
  inputs: readonly Value[],
  backward: (dy: Value) => readonly (InputGradient | undefined)[],
): Value {
  record({ inputs, outputs: [y], backward: ([dy]) => (dy === undefined ? inputs.map(() => undefined) : backward(dy)) });
  return y;
}

/** y = a + b. */
export function add(a: Value, b: Value): Value {
  return differentiable(emitBinary('Add', a, b), [a, b], (dy) => [
    (weights) => reduceTo(dy, a, weights),
    (weights) => reduceTo(dy, b, weights),
  ]);
}

/** y = a · b, element by element. */
export function mul(a: Value, b: Value): Value {
  return differentiable(emitBinary('Mul', a, b), [a, b], (dy) => [
    (weights) => reduceTo(emitBinary('Mul', dy, b), a, weights),
    (weights) => reduceTo(emitBinary('Mul', dy, a), b, weights),
  ]);
}

/** y = factor · x. */
export function scale(x: Value, factor: number): Value {
  const constant = x.graph.constant(factor);
  return differentiable(emitBinary('Mul', x, constant), [x], (dy) => [() => emitBinary('Mul', dy, constant)]);
}

/** SiLU: y = x · σ(x). dx = dy · (σ + y · (1 − σ)). */
export function silu(x: Value): Value {
  const g = x.graph;
  // Composed in float64: the runtime fuses x · Sigmoid(x) into a node that has a float32 kernel only.
  const s =
    g.float === 'float32'
      ? emitUnary('Sigmoid', x)
      : emitUnary('Reciprocal', emitBinary('Add', emitUnary('Exp', emitUnary('Neg', x)), g.constant(1)));
  const y = emitBinary('Mul', x, s);
  return differentiable(y, [x], (dy) => [
    () => {
      const slope = emitBinary('Add', s, emitBinary('Sub', y, emitBinary('Mul', y, s)));
      return emitBinary('Mul', dy, slope);
    },
  ]);
}

/** Reshapes x. 0 keeps the extent at that position, −1 takes what is left. `dims` are the result's. */
export function reshape(x: Value, shape: readonly number[], dims: readonly Dim[]): Value {
  const y = emitReshape(x, shape, dims);
  return y === x ? x : differentiable(y, [x], (dy) => [() => emitReshapeLike(dy, x)]);
}

/** Permutes the axes of x. */
export function transpose(x: Value, permutation: readonly number[]): Value {
  const inverse = permutation.map((_, axis) => permutation.indexOf(axis));
  return differentiable(emitTranspose(x, permutation), [x], (dy) => [() => emitTranspose(dy, inverse)]);
}

/** y = a · b over the last two axes; the leading axes are equal. da = dy · bᵀ, db = aᵀ · dy. */
export function matmul(a: Value, b: Value): Value {
  return differentiable(emitMatmul(a, b), [a, b], (dy) => [
    () => emitMatmul(dy, b, { transB: true }),
    () => emitMatmul(a, dy, { transA: true }),
  ]);
}

/**
 * A linear layer with weights as Hugging Face stores them: y = alpha · x · wᵀ.
 * x [..., in], w [out, in], y [..., out]. dw = alpha · dyᵀ · x contracts over all rows.
 */
export function linear(x: Value, w: Value, alpha = 1): Value {
  return differentiable(emitMatmul(x, w, { transB: true, alpha }), [x, w], (dy) => [
    () => emitMatmul(dy, w, { alpha }),
    (weights) => contract(dy, x, weights, alpha),
  ]);
}

/** Reads rows of a table: y = table[ids]. table [V, C], ids int64 [...], y [..., C]. Backward sums dy at the rows that were read. */
export function embedding(table: Value, ids: Value): Value {
  const g = graphOf(table, ids);
  const y = g.emit('Gather', [table, ids], { dtype: g.float, dims: [...ids.dims, table.dims[1] as Dim] });
  return differentiable(y, [table], (dy) => [(weights) => scatterRows(dy, ids, table, weights)]);
}

/** Selects rows of a batch: y[n] = x[b, t] with rows[n] = b · T + t. x [B, T, C], rows int64 [N] without repeats, y [N, C]. */
export function gatherRows(x: Value, rows: Value): Value {
  const g = graphOf(x, rows);
  const width = x.dims.at(-1) as number;
  const flat = emitReshape(x, [-1, width], [x.dims.slice(0, -1).join('·'), width]);
  const y = g.emit('Gather', [flat, rows], { dtype: g.float, dims: [rows.dims[0] as Dim, width] });
  return differentiable(y, [x], (dy) => [
    () => {
      const zeros = emitBinary('Mul', flat, g.constant(0)); // finite activations: 0 · x = 0
      const index = g.emit('Unsqueeze', [rows, g.integers([-1])], { dtype: 'int64', dims: [...rows.dims, 1] });
      const scattered = g.emit('ScatterND', [zeros, index, dy], { dtype: g.float, dims: flat.dims });
      return emitReshapeLike(scattered, x);
    },
  ]);
}

/**
 * RMSNorm: y = x · r · gain with r = 1 / √(mean(x²) + ε) over the last axis and gain = weight + shift. With u = dy · gain: dx = (u −
 * x · r² · Σ(u·x) / C) · r, dweight = Σ_rows r · (dy · x). The runtime's kernel returns r in float32 whatever the type of x.
 */
export function rmsNorm(x: Value, weight: Value, epsilon: number, shift: 0 | 1 = 0): Value {
  const g = graphOf(x, weight);
  const gain = shift === 0 ? weight : emitBinary('Add', weight, weight.graph.constant(shift));
  const width = x.dims.at(-1) as number;
  const [y, inverse] = g.emitAll(
    'SimplifiedLayerNormalization',
    [x, gain],
    [
      { dtype: g.float, dims: x.dims },
      { dtype: 'float32', dims: [...x.dims.slice(0, -1), 1] },
    ],
    {
      axis: { kind: 'int', value: -1 },
      epsilon: { kind: 'float', value: epsilon },
      stash_type: { kind: 'int', value: 1 },
    },
  ) as [Value, Value];
  return differentiable(y, [x, weight], (dy) => {
    const r = g.float === 'float32' ? inverse : cast(inverse, g.float); // [..., 1]
    let product: Value | undefined;
    const z = (): Value => (product ??= emitBinary('Mul', dy, x));
    return [
      () => {
        const dot = emitMatmul(z(), emitReshape(gain, [width, 1], [width, 1]), { full: true }); // Σ u·x, [..., 1]
        const share = emitBinary('Mul', dot, emitBinary('Mul', emitBinary('Mul', r, r), g.constant(1 / width)));
        return emitBinary('Mul', emitBinary('Sub', emitBinary('Mul', dy, gain), emitBinary('Mul', x, share)), r);
      },
      (weights) => {
        const sums = contract(r, z(), weights); // [1, C], or [K, 1, C]
        const dims = [...sums.dims.slice(0, -2), width] as number[];
        return emitReshape(sums, dims, dims);
      },
    ];
  });
}

export { adaptedLinear, mergedWeight } from './adapters.js';
export { attention, rotary } from './attention.js';
export { checkpoint } from './checkpoint.js';
export { concat, layOut, share } from './sharing.js';
export { tokenStatistics } from './tokens.js';

/** x, with no gradient through it. */
export function detach(x: Value): Value {
  return emitUnary('Identity', x);
}
