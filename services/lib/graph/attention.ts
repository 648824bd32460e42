/** The operators of attention: rotary positions, and the weighted mean of values by softmaxed scores. */
import { type Value, graphOf, record } from './graph.js';
import { emitBinary, emitMatmul, emitReduce, emitUnary } from './nodes.js';
import { microsoftDomain } from './onnx.js';

/**
 * Rotary position embedding in the half-split form of Hugging Face: with x = [x₁, x₂] along the last axis,
 * y = [x₁·cos − x₂·sin, x₂·cos + x₁·sin]. cos and sin broadcast against half of x. Backward turns the other way.
 */
export function rotary(x: Value, cos: Value, sin: Value): Value {
  const y = turn(x, cos, sin);
  record({
    inputs: [x],
    outputs: [y],
    backward: ([dy]) => [dy && (() => turn(dy, cos, emitUnary('Neg', sin)))],
  });
  return y;
}

/** One node where the runtime has a kernel: x [B, heads, T, width] in float32, cos and sin [T, width / 2]. */
function turn(x: Value, cos: Value, sin: Value): Value {
  const g = graphOf(x, cos, sin);
  if (g.float === 'float32' && x.dims.length === 4 && cos.dims.length === 2) {
    const first = g.integers([0]); // the position of the first of T
    return g.emit('RotaryEmbedding', [x, first, cos, sin], { dtype: g.float, dims: x.dims }, {}, microsoftDomain);
  }
  const half = { dtype: g.float, dims: [...x.dims.slice(0, -1), (x.dims.at(-1) as number) / 2] };
  const axis = { kind: 'int', value: -1 } as const;
  const parts = g.emitAll('Split', [x], [half, half], { axis, num_outputs: { kind: 'int', value: 2 } });
  const [x1, x2] = parts as [Value, Value];
  const y1 = emitBinary('Sub', emitBinary('Mul', x1, cos), emitBinary('Mul', x2, sin));
  const y2 = emitBinary('Add', emitBinary('Mul', x2, cos), emitBinary('Mul', x1, sin));
  return g.emit('Concat', [y1, y2], { dtype: g.float, dims: x.dims }, { axis });
}

/**
 * y = p · values with p = softmax(scale · queries · keysᵀ + mask). queries [..., Q, C], keys [..., S, C],
 * values [..., S, C], y [..., Q, C]; mask broadcasts against [..., Q, S].
 *
 * dp = dy · valuesᵀ and ds = p · (dp − Σ dp·p); the sum over S equals Σ dy·y over C (Dao et al. 2022, arXiv
 * 2205.14135), which is shorter.
 */
export function attention(queries: Value, keys: Value, values: Value, mask: Value, scale: number): Value {
  const g = graphOf(queries, keys, values, mask);
  const scores = emitBinary('Add', emitMatmul(queries, keys, { transB: true, alpha: scale }), mask);
  const axis = { kind: 'int', value: -1 } as const;
  const p = g.emit('Softmax', [scores], { dtype: g.float, dims: scores.dims }, { axis }); // [..., Q, S]
  const y = emitMatmul(p, values);
  record({
    inputs: [queries, keys, values],
    outputs: [y],
    backward: ([dy]) => {
      if (dy === undefined) return [];
      let atScores: Value | undefined;
      const ds = (): Value => {
        atScores ??= emitBinary(
          'Mul',
          p,
          emitBinary(
            'Sub',
            emitMatmul(dy, values, { transB: true }),
            emitReduce('ReduceSum', emitBinary('Mul', dy, y), -1),
          ),
        );
        return atScores;
      };
      return [
        () => emitMatmul(ds(), keys, { alpha: scale }),
        () => emitMatmul(ds(), queries, { transA: true, alpha: scale }),
        () => emitMatmul(p, dy, { transA: true }),
      ];
    },
  });
  return y;
}
