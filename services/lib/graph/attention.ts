/** The operators of attention: rotary positions, and the mean of values weighted by the softmax of scores. */
import { type Attribute, type Dim, type Value, graphOf, record } from './graph.js';
import { emitBinary, emitMatmul, emitReduce, emitSoftmax, emitTanhSlope, emitUnary } from './nodes.js';
import { microsoftDomain } from './onnx.js';

/** The angles of rotary positions, one row for each position. C channels are rotated; the others pass through. */
export interface Rotation {
  /** [P, C / 2]. */
  readonly cos: Value;
  readonly sin: Value;
  /** int64 [B, T]: the row of each position of x. @default row t at position t of every sequence */
  readonly rows?: Value | undefined;
}

/**
 * Rotary position embedding (Su et al. 2021, arXiv 2104.09864) in the half-split form of Hugging Face: with x = [x₁, x₂, rest]
 * along the last axis, x₁ and x₂ of C / 2 channels each, y = [x₁·cos − x₂·sin, x₂·cos + x₁·sin, rest]. Backward rotates by
 * −sin. x [..., T, width], or [B, heads, T, width] if the rotation has rows.
 */
export function rotary(x: Value, rotation: Rotation): Value {
  const y = turn(x, rotation);
  record({
    inputs: [x],
    outputs: [y],
    backward: ([dy]) => [dy && (() => turn(dy, { ...rotation, sin: emitUnary('Neg', rotation.sin) }))],
  });
  return y;
}

/** A single node if the runtime has a kernel: x [B, heads, T, width] in float32. */
function turn(x: Value, { cos, sin, rows }: Rotation): Value {
  const g = graphOf(x, cos, sin, rows);
  const half = cos.dims.at(-1) as number;
  const rest = (x.dims.at(-1) as number) - 2 * half;
  if (g.float === 'float32' && x.dims.length === 4) {
    const places = rows ?? g.integers([0]); // a single element is the row of the first position
    const partly: Readonly<Record<string, Attribute>> =
      rest === 0
        ? {}
        : {
            rotary_embedding_dim: { kind: 'int', value: 2 * half },
            num_heads: { kind: 'int', value: x.dims[1] as number },
          };
    return g.emit('RotaryEmbedding', [x, places, cos, sin], { dtype: g.float, dims: x.dims }, partly, microsoftDomain);
  }
  const axis = { kind: 'int', value: -1 } as const;
  const widths = rest === 0 ? [half, half] : [half, half, rest];
  const part = (width: number) => ({ dtype: g.float, dims: [...x.dims.slice(0, -1), width] });
  const [x1, x2, ...passed] = g.emitAll('Split', [x, g.integers(widths)], widths.map(part), { axis }) as [Value, Value];
  const [c, s] = [byRow(cos, rows), byRow(sin, rows)];
  const y1 = emitBinary('Sub', emitBinary('Mul', x1, c), emitBinary('Mul', x2, s));
  const y2 = emitBinary('Add', emitBinary('Mul', x2, c), emitBinary('Mul', x1, s));
  return g.emit('Concat', [y1, y2, ...passed], { dtype: g.float, dims: x.dims }, { axis });
}

/** A table [P, C] in a form that broadcasts against [B, heads, T, C]: itself, or its rows [B, T]. */
function byRow(table: Value, rows: Value | undefined): Value {
  if (rows === undefined) return table;
  const g = graphOf(table, rows);
  const [sequences, positions] = rows.dims as readonly [Dim, Dim];
  const width = table.dims.at(-1) as Dim;
  const picked = g.emit('Gather', [table, rows], { dtype: g.float, dims: [...rows.dims, width] });
  return g.emit('Unsqueeze', [picked, g.integers([1])], { dtype: g.float, dims: [sequences, 1, positions, width] });
}

/** How queries and keys become scores. */
export interface Scoring {
  /** Multiplies the product of queries and keys. */
  readonly scale: number;
  /** Soft bound on the scores: cap · tanh(score / cap). @default none */
  readonly cap?: number | undefined;
}

/**
 * y = p · values with p = softmax(s + mask) and s = scale · queries · keysᵀ, or cap · tanh(scale · queries · keysᵀ / cap).
 * queries [..., Q, C], keys [..., S, C], values [..., S, C], y [..., Q, C]; mask broadcasts against [..., Q, S].
 *
 * dp = dy · valuesᵀ and ds = p · (dp − Σ dp·p); the sum over S equals Σ dy·y over C (Dao et al. 2022, arXiv
 * 2205.14135), which has fewer terms.
 */
export function attention(queries: Value, keys: Value, values: Value, mask: Value, { scale, cap }: Scoring): Value {
  const products = emitMatmul(queries, keys, { transB: true, alpha: cap === undefined ? scale : scale / cap });
  const bent = cap === undefined ? undefined : emitUnary('Tanh', products);
  const scores = bent === undefined || cap === undefined ? products : emitBinary('Mul', bent, bent.graph.constant(cap));
  const p = emitSoftmax(emitBinary('Add', scores, mask)); // [..., Q, S]
  const y = emitMatmul(p, values);
  record({
    inputs: [queries, keys, values],
    outputs: [y],
    backward: ([dy]) => {
      if (dy === undefined) return [];
      let atProducts: Value | undefined;
      const slope = (): Value => {
        const dp = emitMatmul(dy, values, { transB: true });
        const ds = emitBinary('Mul', p, emitBinary('Sub', dp, emitReduce('ReduceSum', emitBinary('Mul', dy, y), -1)));
        return bent === undefined ? ds : emitTanhSlope(ds, bent);
      };
      const d = (): Value => (atProducts ??= slope());
      return [
        () => emitMatmul(d(), keys, { alpha: scale }),
        () => emitMatmul(d(), queries, { transA: true, alpha: scale }),
        () => emitMatmul(p, dy, { transA: true }),
      ];
    },
  });
  return y;
}
