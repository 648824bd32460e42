/** Queries, keys and values by head: split, normed and rotated by position. */
import {
  type Dim,
  type Value,
  cast,
  emitBinary,
  emitReshape,
  emitUnary,
  reshape,
  rotary,
  splitLast,
} from '@gapo/graph';
import {
  type LayerAttention,
  type LayerLayout,
  type RotaryPositions,
  rotaryFactor,
  rotaryFrequencies,
} from '@gapo/model';
import { at } from '@gapo/numeric';
import { type Decoder, norm, scaled } from './blocks.js';

/** Rotates a layer's queries and keys, [B, heads, T, headWidth], before their product. */
export interface HeadTransform {
  readonly queries: (x: Value) => Value;
  readonly keys: (x: Value) => Value;
}

/** How positions and scores enter queries and keys. */
export interface HeadOptions {
  /** int64 [B, T]: the index in `positions` of each position of x. @default t at position t of every sequence */
  readonly rows?: Value;
  /**
   * Whether queries are multiplied by the scale of the scores. If every channel is rotated, the scale is folded into the
   * angle tables, which costs nothing. @default false
   */
  readonly scaleQueries?: boolean;
}

/** Returns the transform of each layer's heads, by how the layer attends. positions int64 [P]. */
export function headTransforms(
  { config }: Decoder,
  positions: Value,
  { rows, scaleQueries = false }: HeadOptions = {},
): (attention: LayerAttention) => HeadTransform {
  const made = new Map<string, HeadTransform>();
  const make = ({ rotary: turning, scale }: Pick<LayerAttention, 'rotary' | 'scale'>): HeadTransform => {
    const factor = scaleQueries ? scale : 1;
    if (turning === undefined) return { queries: (x) => scaled(x, factor), keys: (x) => x };
    const { cos, sin } = angleTable(positions, turning);
    const keys = (x: Value): Value => rotary(x, { cos, sin, rows });
    if (turning.width < config.headWidth) return { queries: (x) => scaled(keys(x), factor), keys };
    const larger = { cos: scaled(cos, factor), sin: scaled(sin, factor), rows };
    return { queries: (x) => rotary(x, larger), keys };
  };
  return ({ rotary, scale }) => {
    const key = JSON.stringify({ rotary, scale });
    const transform = made.get(key) ?? make({ rotary, scale });
    made.set(key, transform);
    return transform;
  };
}

/** The cosines and sines of each position, [P, width / 2]. */
function angleTable(positions: Value, turning: RotaryPositions): { readonly cos: Value; readonly sin: Value } {
  const g = positions.graph;
  const column = emitReshape(cast(positions, g.float), [-1, 1], [...positions.dims, 1]);
  const angles = emitBinary('Mul', column, g.constant(rotaryFrequencies(turning)));
  const factor = rotaryFactor(turning);
  return { cos: scaled(emitUnary('Cos', angles), factor), sin: scaled(emitUnary('Sin', angles), factor) };
}

/** The operands of one layer's attention; with G = heads / keyValueHeads, the heads of a group are adjacent. */
export interface AttentionOperands {
  /** [B, keyValueHeads, G · T, headWidth]. */
  readonly queries: Value;
  /** [B, keyValueHeads, T, headWidth]. */
  readonly keys: Value;
  readonly values: Value;
}

/**
 * Computes one layer's queries, keys and values from its normed input [..., width].
 *
 * @param split brings [..., heads · headWidth] to [B, heads, T, headWidth]
 */
export function attentionOperands(
  decoder: Decoder,
  layer: LayerLayout,
  normed: Value,
  transform: HeadTransform,
  split: (x: Value, heads: number) => Value,
): AttentionOperands {
  const { heads, keyValueHeads, headWidth, queryKeyNormOver = 'head' } = decoder.config;
  const outputs = decoder.project(normed, layer.queryKeyValue);
  const widths = [heads, keyValueHeads, keyValueHeads].map((count) => count * headWidth);
  const parts = outputs.length === 1 ? splitLast(at(outputs, 0), widths) : outputs;
  /** A projection by head, normed before or after it is split. */
  const byHead = (x: Value, count: number, name: string | undefined): Value =>
    queryKeyNormOver === 'head' ? norm(decoder, name, split(x, count)) : split(norm(decoder, name, x), count);
  const queries = transform.queries(byHead(at(parts, 0), heads, layer.queryKeyNorms?.queries));
  const keys = transform.keys(byHead(at(parts, 1), keyValueHeads, layer.queryKeyNorms?.keys));
  const values = split(at(parts, 2), keyValueHeads);
  const [sequences, , positions] = queries.dims as readonly [Dim, Dim, Dim];
  const rows = groupedRows(heads / keyValueHeads, positions);
  return {
    queries: reshape(queries, [0, keyValueHeads, -1, headWidth], [sequences, keyValueHeads, rows, headWidth]),
    keys,
    values,
  };
}

/** The rows of a group of query heads over T positions: G · T. */
export function groupedRows(groups: number, positions: Dim): Dim {
  if (groups === 1) return positions;
  return typeof positions === 'number' ? groups * positions : `G·${positions}`;
}
