/** Nodes with shape inference and without gradients: the parts of operators and of their gradient rules. */
import { type Attribute, type DataType, type Dim, type Graph, type Value, graphOf } from './graph.js';
import { elementTypes, microsoftDomain } from './onnx.js';

/**
 * The dimensions of an element-wise operation on two values, by NumPy's rules.
 *
 * @throws Error if they do not broadcast
 */
function broadcastDims(a: readonly Dim[], b: readonly Dim[]): Dim[] {
  const rank = Math.max(a.length, b.length);
  const dims: Dim[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const da = a[axis - rank + a.length] ?? 1;
    const db = b[axis - rank + b.length] ?? 1;
    if (da !== db && da !== 1 && db !== 1) throw new Error(`shapes [${a.join()}] and [${b.join()}] do not broadcast`);
    dims.push(da === 1 ? db : da);
  }
  return dims;
}

/** An element-wise node of one input. */
export function emitUnary(operator: string, x: Value): Value {
  return x.graph.emit(operator, [x], { dtype: x.dtype, dims: x.dims });
}

/** An element-wise node of two inputs, broadcast. `dtype`: the result's, for comparisons. */
export function emitBinary(operator: string, a: Value, b: Value, dtype: DataType = a.dtype): Value {
  return graphOf(a, b).emit(operator, [a, b], { dtype, dims: broadcastDims(a.dims, b.dims) });
}

/** Clamps x to [low, high]. */
export function clamp(x: Value, low: number, high: number): Value {
  const g = x.graph;
  return g.emit('Clip', [x, g.constant(low), g.constant(high)], { dtype: x.dtype, dims: x.dims });
}

/** The gradient behind a tanh: d · (1 − tanh²). */
export function emitTanhSlope(d: Value, tanh: Value): Value {
  return emitBinary('Sub', d, emitBinary('Mul', d, emitBinary('Mul', tanh, tanh)));
}

/** Reduces one axis to extent 1, or all axes to a scalar. */
export function emitReduce(operator: 'ReduceSum' | 'ReduceSumSquare' | 'ReduceMax', x: Value, axis?: number): Value {
  const g = x.graph;
  if (axis === undefined) return g.emit(operator, [x], { dtype: x.dtype, dims: [] }, { keepdims: int(0) });
  const at = axis < 0 ? axis + x.dims.length : axis;
  const dims = x.dims.map((dim, index) => (index === at ? 1 : dim));
  return g.emit(operator, [x, g.integers([at])], { dtype: x.dtype, dims }, { keepdims: int(1) });
}

/** Sums over leading axes and drops them. */
export function emitSumLeading(x: Value, axes: number): Value {
  if (axes === 0) return x;
  const g = x.graph;
  const list = g.integers(Array.from({ length: axes }, (_, axis) => axis));
  return g.emit('ReduceSum', [x, list], { dtype: x.dtype, dims: x.dims.slice(axes) }, { keepdims: int(0) });
}

/**
 * Reshapes x. 0 keeps the extent at that position, −1 takes what is left. `dims` are the result's. Returns x itself if they
 * are its own: a node costs the runtime a few microseconds.
 */
export function emitReshape(x: Value, shape: readonly number[], dims: readonly Dim[]): Value {
  if (equalDims(x, dims)) return x;
  return x.graph.emit('Reshape', [x, x.graph.integers(shape)], { dtype: x.dtype, dims });
}

/** Reshapes x to the run-time shape of another value with as many elements. */
export function emitReshapeLike(x: Value, like: Value): Value {
  if (equalDims(x, like.dims)) return x;
  const g = graphOf(x, like);
  if (like.dims.every((dim) => typeof dim === 'number')) return emitReshape(x, like.dims, like.dims);
  const shape = g.emit('Shape', [like], { dtype: 'int64', dims: [like.dims.length] });
  return g.emit('Reshape', [x, shape], { dtype: x.dtype, dims: like.dims });
}

/** Whether x has these dimensions. Dimensions with the same name have the same extent. */
function equalDims({ dims }: Value, others: readonly Dim[]): boolean {
  return dims.length === others.length && dims.every((dim, axis) => dim === others[axis]);
}

/** Reads cells of a grid [B, T, ...] by their indices b · T + t: [N, ...]. places int64 [N]. */
export function emitGatherCells(grid: Value, places: Value): Value {
  const [sequences, positions, ...rest] = grid.dims as readonly [Dim, Dim, ...Dim[]];
  const widths = rest as readonly number[];
  const flat = emitReshape(grid, [-1, ...widths], [`${sequences}·${positions}`, ...widths]);
  return grid.graph.emit('Gather', [flat, places], { dtype: grid.dtype, dims: [places.dims[0] as Dim, ...widths] });
}

/** Permutes the axes of x. */
export function emitTranspose(x: Value, permutation: readonly number[]): Value {
  const dims = permutation.map((axis) => x.dims[axis] as Dim);
  return x.graph.emit('Transpose', [x], { dtype: x.dtype, dims }, { perm: { kind: 'ints', value: permutation } });
}

/** Joins values along an axis. `extent`: the result's there. */
export function emitConcat(values: readonly Value[], axis: number, extent: Dim): Value {
  const [first] = values as [Value];
  const dims = first.dims.map((dim, index) => (index === axis ? extent : dim));
  return graphOf(...values).emit('Concat', values, { dtype: first.dtype, dims }, { axis: int(axis) });
}

/** Stacks values of one shape along a new first axis: [values, ...shape]. */
export function emitStack(values: readonly Value[]): Value {
  return emitConcat(
    values.map((value) => emitUnsqueeze(value, 0)),
    0,
    values.length,
  );
}

/** Inserts an axis of extent 1. */
export function emitUnsqueeze(x: Value, axis: number): Value {
  const dims = [...x.dims.slice(0, axis), 1, ...x.dims.slice(axis)];
  return x.graph.emit('Unsqueeze', [x, x.graph.integers([axis])], { dtype: x.dtype, dims });
}

/** 0, 1, …, count − 1, int64. count int64 [1]; `extent` is its value. */
export function emitRange(count: Value, extent: Dim): Value {
  const g = count.graph;
  const limit = emitReshape(count, [], []);
  return g.emit('Range', [g.integers([0], []), limit, g.integers([1], [])], { dtype: 'int64', dims: [extent] });
}

/** The extent of one axis at run time: int64 [1]. */
export function emitExtent(x: Value, axis: number): Value {
  const g = x.graph;
  const shape = g.emit('Shape', [x], { dtype: 'int64', dims: [x.dims.length] });
  return g.emit('Gather', [shape, g.integers([axis])], { dtype: 'int64', dims: [1] });
}

/** Softmax over the last axis. */
export function emitSoftmax(x: Value): Value {
  return x.graph.emit('Softmax', [x], { dtype: x.dtype, dims: x.dims }, { axis: int(-1) });
}

/** Casts x to another element type. */
export function cast(x: Value, dtype: DataType): Value {
  return x.graph.emit('Cast', [x], { dtype, dims: x.dims }, { to: int(elementTypes[dtype]) });
}

/** How a matrix product reads its operands: transposed over the last two axes or not. The result is multiplied by alpha. */
export interface MatmulOptions {
  readonly transA?: boolean;
  readonly transB?: boolean;
  readonly alpha?: number;
  /** Whether it is computed in the graph's float type even if other products are float16. @default false */
  readonly full?: boolean;
}

/**
 * Multiplies matrices over the last two axes. A two-dimensional right operand serves every leading index.
 *
 * @throws Error if the inner dimensions differ
 */
export function emitMatmul(a: Value, b: Value, options: MatmulOptions = {}): Value {
  const { transA = false, transB = false, alpha = 1, full = false } = options;
  const m = a.dims.at(transA ? -1 : -2) as Dim;
  const k = a.dims.at(transA ? -2 : -1);
  const n = b.dims.at(transB ? -2 : -1) as Dim;
  const inner = b.dims.at(transB ? -1 : -2);
  if (k !== inner) throw new Error(`matrix product of [${a.dims.join()}] and [${b.dims.join()}]: ${k} is not ${inner}`);
  const g = graphOf(a, b);
  const half = g.precision === 'float16' && !full;
  const operands = half ? [a.graph.half(a), b.graph.half(b)] : [a, b];
  const output = { dtype: half ? 'float16' : a.dtype, dims: [...a.dims.slice(0, -2), m, n] } as const;
  const product = emitProduct(g, operands, output, { transA, transB, alpha });
  return half ? cast(product, g.float) : product;
}

function emitProduct(
  g: Graph,
  operands: readonly Value[],
  output: { readonly dtype: DataType; readonly dims: readonly Dim[] },
  { transA, transB, alpha }: Required<Omit<MatmulOptions, 'full'>>,
): Value {
  if (!transA && !transB && alpha === 1) return g.emit('MatMul', operands, output);
  const attributes: Record<string, Attribute> = {
    transA: int(transA ? 1 : 0),
    transB: int(transB ? 1 : 0),
    alpha: { kind: 'float', value: alpha },
  };
  return g.emit('FusedMatMul', operands, output, attributes, microsoftDomain);
}

function int(value: number): Attribute {
  return { kind: 'int', value };
}
