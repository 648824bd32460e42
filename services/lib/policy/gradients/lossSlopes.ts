/**
 * The slopes of the losses as nodes of a graph: the gradients with which the backward pass starts, as ascent directions. The losses and the
 * formulas of their slopes are in lib/objectives/losses; a test compares each node with its formula there. N counts the batch's completion
 * tokens, D divides every sum over them.
 */
import { type Graph, type Value, clamp, emitBinary, emitReshape, emitUnary } from '@gapo/graph';
import { logRatioLimit } from '@gapo/objectives';

/** The importance ratio r = π / π_old of each token, [N], with ln r clamped to ±logRatioLimit. */
export function ratio(logprobs: Value, oldLogprobs: Value): Value {
  return emitUnary('Exp', clamp(emitBinary('Sub', logprobs, oldLogprobs), -logRatioLimit, logRatioLimit));
}

/** The surrogate's slope per unit of advantage, [N]: r / D, or 0 where the clip is active for advantages of the given sign. */
export function surrogateSlope(
  r: Value,
  denominator: Value,
  clipRange: number,
  sign: 'positive' | 'negative' | 'unclipped',
): Value {
  const slope = emitBinary('Div', r, denominator);
  if (sign === 'unclipped') return slope;
  const g = r.graph;
  const inside =
    sign === 'positive'
      ? emitBinary('LessOrEqual', r, g.constant(1 + clipRange), 'bool')
      : emitBinary('GreaterOrEqual', r, g.constant(1 - clipRange), 'bool');
  return where(g, inside, slope);
}

/** The surrogate's slope for an advantage of each token: [N]. */
export function tokenSurrogateSlope(r: Value, advantage: Value, denominator: Value, clipRange: number): Value {
  const g = r.graph;
  const positive = emitBinary('GreaterOrEqual', advantage, g.constant(0), 'bool');
  const slope = g.emit(
    'Where',
    [
      positive,
      surrogateSlope(r, denominator, clipRange, 'positive'),
      surrogateSlope(r, denominator, clipRange, 'negative'),
    ],
    { dtype: g.float, dims: r.dims },
  );
  return emitBinary('Mul', slope, advantage);
}

/** The advantages [rows, K] of one sign, with 0 in place of the others. */
export function signedPart(advantages: Value, sign: 'positive' | 'negative'): Value {
  return emitBinary(sign === 'positive' ? 'Max' : 'Min', advantages, advantages.graph.constant(0));
}

/** The slope of −β·Σ ½(ln π − ln π_ref)² / D in ln π: [N]. */
export function klSlope(logprobs: Value, referenceLogprobs: Value, coefficient: Value, denominator: Value): Value {
  const gap = emitBinary('Sub', referenceLogprobs, logprobs);
  return emitBinary('Mul', gap, emitBinary('Div', coefficient, denominator));
}

/** The slope of coefficient · Σ x / D in x [N], for example of an entropy bonus: the same number for every element. */
export function uniformSlope(x: Value, coefficient: Value, denominator: Value): Value {
  const g = x.graph;
  const shape = g.emit('Shape', [x], { dtype: 'int64', dims: [1] });
  return g.emit('Expand', [emitBinary('Div', coefficient, denominator), shape], { dtype: g.float, dims: x.dims });
}

/**
 * The slope of −c·Σ max(½(V − R)², ½(V′ − R)²) / D in V, with V′ clamped to ±clip around the old value; clip 0 disables clamping. [N,
 * heads].
 */
export function valueSlope(
  values: Value,
  inputs: {
    readonly oldValues: Value;
    readonly returns: Value;
    readonly coefficient: Value;
    readonly clip: Value;
    readonly denominator: Value;
  },
): Value {
  const { oldValues, returns, coefficient, clip, denominator } = inputs;
  const g = values.graph;
  const error = emitBinary('Sub', returns, values);
  // Bounds around the old value, rather than a bounded difference from it: a value within them is kept to the last bit, so that both errors
  // are equal and the slope is not lost to rounding.
  const below = emitBinary('Min', values, emitBinary('Add', oldValues, clip));
  const held = emitBinary('Max', below, emitBinary('Sub', oldValues, clip));
  const clippedError = emitBinary('Sub', returns, held);
  const square = (x: Value): Value => emitBinary('Mul', x, x);
  const worse = emitBinary('GreaterOrEqual', square(error), square(clippedError), 'bool');
  const free = emitBinary('LessOrEqual', clip, g.constant(0), 'bool');
  const active = emitBinary('Or', worse, free, 'bool');
  return emitBinary('Mul', where(g, active, error), emitBinary('Div', coefficient, denominator));
}

/** One objective's column of a matrix [N, K], as [N]. */
export function column(matrix: Value, index: number): Value {
  const g: Graph = matrix.graph;
  const rows = matrix.dims[0] ?? 1;
  const axis = { axis: { kind: 'int', value: 1 } } as const;
  const picked = g.emit('Gather', [matrix, g.integers([index])], { dtype: g.float, dims: [rows, 1] }, axis);
  return emitReshape(picked, [-1], [rows]);
}

function where(g: Graph, condition: Value, value: Value): Value {
  return g.emit('Where', [condition, value, g.constant(0)], { dtype: g.float, dims: value.dims });
}
