/**
 * PPO's clipped surrogate and its regularisers, as the gradients with which the backward walk begins.
 *
 * J_k = Σ_n min(r_n·A_kn, clip(r_n, 1 ± ε)·A_kn) / D with r_n = π(n) / π_old(n) (Schulman et al. 2017, arXiv 1707.06347).
 * Its slope is r_n·A_kn / D where the clip is not active and 0 where it is. Whether it is active depends on the sign of
 * A_kn alone, so that for advantages that hold for a whole sequence two backward passes serve every objective, and one
 * where no token is clipped.
 */
import { type Graph, type Value, clamp, emitBinary, emitReshape, emitUnary } from '@gapo/graph';

/** Log-ratios beyond this are held: e²⁰ is far outside every clip range, and stays finite. */
export const logRatioLimit = 20;

/** π / π_old for each token, [N], with the log-ratio held within ±logRatioLimit. */
export function ratio(logprobs: Value, oldLogprobs: Value): Value {
  return emitUnary('Exp', clamp(emitBinary('Sub', logprobs, oldLogprobs), -logRatioLimit, logRatioLimit));
}

/** dJ/d ln π per unit of advantage, [N]: r / D, or 0 where the clip is active for advantages of the given sign. */
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

/** dJ_k/d ln π for advantages of each token, [N]. */
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

/** The part of advantages [rows, K] of one sign; the other part is 0. */
export function signedPart(advantages: Value, sign: 'positive' | 'negative'): Value {
  return emitBinary(sign === 'positive' ? 'Max' : 'Min', advantages, advantages.graph.constant(0));
}

/** The slope of −β·Σ ½(ln π − ln π_ref)² / D: the k2 estimator, whose gradient is the KL divergence's. [N]. */
export function klSlope(logprobs: Value, referenceLogprobs: Value, coefficient: Value, denominator: Value): Value {
  const gap = emitBinary('Sub', referenceLogprobs, logprobs);
  return emitBinary('Mul', gap, emitBinary('Div', coefficient, denominator));
}

/** The slope of coefficient · Σ x / D: the same for every element of x [N], as an entropy bonus has it. */
export function uniformSlope(x: Value, coefficient: Value, denominator: Value): Value {
  const g = x.graph;
  const shape = g.emit('Shape', [x], { dtype: 'int64', dims: [1] });
  return g.emit('Expand', [emitBinary('Div', coefficient, denominator), shape], { dtype: g.float, dims: x.dims });
}

/**
 * The slope of −c·Σ max(½(V − R)², ½(V_clip − R)²) / D with V_clip held within ± `clip` of the old value; `clip` of 0
 * leaves the value free. [N, K].
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
  const moved = emitBinary('Sub', values, oldValues);
  const held = emitBinary('Max', emitBinary('Min', moved, clip), emitUnary('Neg', clip));
  const clippedError = emitBinary('Sub', returns, emitBinary('Add', oldValues, held));
  const square = (x: Value): Value => emitBinary('Mul', x, x);
  const worse = emitBinary('GreaterOrEqual', square(error), square(clippedError), 'bool');
  const free = emitBinary('LessOrEqual', clip, g.constant(0), 'bool');
  const active = emitBinary('Or', worse, free, 'bool');
  return emitBinary('Mul', where(g, active, error), emitBinary('Div', coefficient, denominator));
}

/** One objective's column of [N, K], as [N]. */
export function column(matrix: Value, index: number): Value {
  const g: Graph = matrix.graph;
  const picked = g.emit(
    'Gather',
    [matrix, g.integers([index])],
    { dtype: g.float, dims: [matrix.dims[0] ?? 1, 1] },
    {
      axis: { kind: 'int', value: 1 },
    },
  );
  return emitReshape(picked, [-1], [matrix.dims[0] ?? 1]);
}

function where(g: Graph, condition: Value, value: Value): Value {
  return g.emit('Where', [condition, value, g.constant(0)], { dtype: g.float, dims: value.dims });
}
