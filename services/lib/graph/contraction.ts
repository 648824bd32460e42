/**
 * Contractions over the rows of a batch, which yield the gradients of parameters.
 *
 * Backpropagation is linear in the upstream gradient, and sequences do not interact. If each objective's upstream gradient
 * is a common one times one number per sequence, a single backward pass serves all K objectives: the numbers enter only
 * here, where rows are summed. They multiply the smaller operand. These sums run over every token of a batch, so they stay
 * in the graph's float type even if other products are float16.
 */
import type { Dim, RowWeights, Value } from './graph.js';
import { emitBinary, emitMatmul, emitReduce, emitReshape, emitSumLeading, emitTranspose } from './nodes.js';

/** Maximum number of columns of a narrow operand. The runtime's kernels are fastest with few rows and many columns. */
const narrow = 128;

/**
 * Σ_rows leftᵀ · right. left [rows..., p], right [rows..., q], both with the same leading dimensions.
 * Without weights [p, q]; with weights [K, p, q], where objective k's rows are weighted by weights[:, k].
 */
export function contract(left: Value, right: Value, weights?: RowWeights, alpha = 1): Value {
  const p = left.dims.at(-1) as number;
  const q = right.dims.at(-1) as number;
  const { weight, k } = weights === undefined ? { weight: undefined, k: 1 } : rowWeight(left, weights);
  const rows = (x: Value, width: number): Value => emitReshape(x, [-1, width], [rowsName(x), width]);
  const scaled = (x: Value, width: number): Value => (weight === undefined ? rows(x, width) : scaledRows(x, weight, k)); // [rows, K·width]
  const product = (a: Value, b: Value): Value => emitMatmul(a, b, { transA: true, alpha, full: true });
  const stacked = (x: Value): Value =>
    weight === undefined ? emitReshape(x, [p, q], [p, q]) : emitReshape(x, [k, p, q], [k, p, q]);
  if (p <= q) return stacked(product(scaled(left, p), rows(right, q))); // [K·p, q]
  if (k * q <= narrow) {
    const turned = emitReshape(product(scaled(right, q), rows(left, p)), [k, q, p], [k, q, p]);
    return stacked(emitTranspose(turned, [0, 2, 1]));
  }
  const wide = product(rows(left, p), scaled(right, q)); // [p, K·q]
  return stacked(k === 1 ? wide : emitTranspose(emitReshape(wide, [p, k, q], [p, k, q]), [1, 0, 2]));
}

/**
 * The gradient of a table [V, C] whose rows `ids` were read: sums dy [rows..., C] at each id, in row order. Without weights
 * [V, C], with weights [K, V, C].
 */
export function scatterRows(dy: Value, ids: Value, table: Value, weights?: RowWeights): Value {
  const g = dy.graph;
  const [vocabulary, width] = table.dims as [number, number];
  const { weight, k } = weights === undefined ? { weight: undefined, k: 1 } : rowWeight(dy, weights);
  const columns = k * width;
  const name = rowsName(dy);
  const updates = weight === undefined ? emitReshape(dy, [-1, width], [name, width]) : scaledRows(dy, weight, k); // [rows, K·C]
  const zeros = g.emit('Expand', [g.constant(0), g.integers([vocabulary, columns])], {
    dtype: g.float,
    dims: [vocabulary, columns],
  });
  const index = g.emit('Expand', [emitReshape(ids, [-1, 1], [name, 1]), g.integers([1, columns])], {
    dtype: 'int64',
    dims: [name, columns],
  });
  const attributes = { axis: { kind: 'int', value: 0 }, reduction: { kind: 'string', value: 'add' } } as const;
  const sums = g.emit('ScatterElements', [zeros, index, updates], { dtype: g.float, dims: zeros.dims }, attributes);
  if (weights === undefined) return sums;
  return emitTranspose(emitReshape(sums, [vocabulary, k, width], [vocabulary, k, width]), [1, 0, 2]);
}

/**
 * Sums a gradient over the axes along which `target` was broadcast. With weights the target is a parameter [C] and the
 * result [K, C].
 */
export function reduceTo(dy: Value, target: Value, weights?: RowWeights): Value {
  if (weights !== undefined) return weightedSum(dy, target, weights);
  let x = emitSumLeading(dy, dy.dims.length - target.dims.length);
  target.dims.forEach((dim, axis) => {
    if (dim === 1 && x.dims[axis] !== 1) x = emitReduce('ReduceSum', x, axis);
  });
  return x;
}

function weightedSum(dy: Value, target: Value, weights: RowWeights): Value {
  const width = target.dims[0];
  if (target.dims.length !== 1 || typeof width !== 'number' || dy.dims.at(-1) !== width) {
    throw new Error(`row weights need a parameter with one axis, '${target.name}' is [${target.dims.join()}]`);
  }
  const { weight } = rowWeight(dy, weights);
  const perRow = dy.dims.length === 2 ? dy : emitSumMiddle(dy, width); // [rows, C]
  return emitMatmul(weight, perRow, { transA: true, full: true }); // [K, C]
}

/** Sums [rows, ..., C] to [rows, C]. */
function emitSumMiddle(x: Value, width: number): Value {
  const flat = emitReshape(x, [0, -1, width], [x.dims[0] as Dim, rowsName(x), width]);
  return emitReshape(emitReduce('ReduceSum', flat, 1), [0, width], [x.dims[0] as Dim, width]);
}

/** Multiplies every row by its K weights: [rows..., r] → [rows, K·r]. */
function scaledRows(x: Value, weight: Value, k: number): Value {
  const r = x.dims.at(-1) as number;
  const middle = x.dims.slice(1, -1);
  const spread = emitReshape(x, [...x.dims.slice(0, -1).map(() => 0), 1, r], [...x.dims.slice(0, -1), 1, r]);
  const shape = [0, ...middle.map(() => 1), k, 1];
  const perRow =
    middle.length === 0
      ? emitReshape(weight, [0, k, 1], [weight.dims[0] as Dim, k, 1])
      : emitReshape(weight, [-1, ...shape.slice(1)], [weight.dims[0] as Dim, ...shape.slice(1)]);
  return emitReshape(emitBinary('Mul', spread, perRow), [-1, k * r], [rowsName(x), k * r]);
}

function rowWeight(x: Value, weights: RowWeights): { weight: Value; k: number } {
  const rows = x.dims[0];
  const weight = typeof rows === 'string' ? weights[rows] : undefined;
  const k = weight?.dims[1];
  if (weight === undefined || typeof k !== 'number') {
    throw new Error(
      `no row weights for rows '${rows}' of '${x.name}'; there are weights for ${Object.keys(weights).join(', ')}`,
    );
  }
  return { weight, k };
}

function rowsName(x: Value): string {
  return x.dims.slice(0, -1).join('·');
}
