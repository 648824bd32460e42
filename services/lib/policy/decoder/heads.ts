/** Queries, keys and values by head: split, normed and turned by their positions. */
import {
  type Dim,
  type Value,
  cast,
  emitBinary,
  emitReshape,
  emitUnary,
  reshape,
  rmsNorm,
  rotary,
  scale,
  splitLast,
} from '@gapo/graph';
import { type LayerLayout, rotaryFrequencies } from '@gapo/model';
import { at } from '@gapo/numeric';
import type { Decoder } from './blocks.js';

/** Prepares a layer's queries and keys, [B, heads, T, headWidth], for their product. `norm` is the head norm's module. */
export interface HeadTransform {
  readonly queries: (x: Value, norm: string | undefined) => Value;
  readonly keys: (x: Value, norm: string | undefined) => Value;
}

/** How positions and scores enter queries and keys. */
export interface HeadOptions {
  /** int64 [B, T]: the index in `positions` of each position of x. @default t at position t of every sequence */
  readonly rows?: Value;
  /** Multiplies the queries. With rotary positions it enters their angles, which costs nothing. @default 1 */
  readonly queryScale?: number;
}

/** Norms each head and turns it by its position, where the decoder does either. positions int64 [P]. */
export function headTransform(
  { config, tensors }: Decoder,
  positions: Value,
  { rows, queryScale = 1 }: HeadOptions = {},
): HeadTransform {
  const normed: HeadTransform['keys'] = (x, name) =>
    name === undefined ? x : rmsNorm(x, tensors(`${name}.weight`), config.epsilon);
  const scaled = (x: Value): Value => (queryScale === 1 ? x : scale(x, queryScale));
  if (config.rotary === undefined) return { queries: (x, name) => scaled(normed(x, name)), keys: normed };
  const g = positions.graph;
  const frequencies = g.constant(rotaryFrequencies(config.headWidth, config.rotary)); // [headWidth / 2]
  const column = emitReshape(cast(positions, g.float), [-1, 1], [...positions.dims, 1]);
  const angles = emitBinary('Mul', column, frequencies); // [P, headWidth / 2]
  const [cos, sin] = [emitUnary('Cos', angles), emitUnary('Sin', angles)];
  const turned =
    (cos: Value, sin: Value): HeadTransform['keys'] =>
    (x, name) =>
      rotary(normed(x, name), { cos, sin, rows });
  return { queries: turned(scaled(cos), scaled(sin)), keys: turned(cos, sin) };
}

/** The operands of one layer's attention; with G = heads / keyValueHeads, the heads of a group lie together. */
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
  { config, project }: Decoder,
  layer: LayerLayout,
  normed: Value,
  transform: HeadTransform,
  split: (x: Value, heads: number) => Value,
): AttentionOperands {
  const { heads, keyValueHeads, headWidth } = config;
  const outputs = project(normed, layer.queryKeyValue);
  const widths = [heads, keyValueHeads, keyValueHeads].map((count) => count * headWidth);
  const parts = outputs.length === 1 ? splitLast(at(outputs, 0), widths) : outputs;
  const queries = transform.queries(split(at(parts, 0), heads), layer.headNorms?.queries);
  const keys = transform.keys(split(at(parts, 1), keyValueHeads), layer.headNorms?.keys);
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
  return typeof positions === 'number' ? groups * positions : `G·${positions}`;
}
