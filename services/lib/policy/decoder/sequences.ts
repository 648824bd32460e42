/** The decoder over whole sequences: log-probabilities, gradients and the prefill of prompts. */
import {
  type Graph,
  type Value,
  attention,
  checkpoint,
  emitBinary,
  gatherRows,
  linear,
  reshape,
  transpose,
} from '@gapo/graph';
import { type DecoderConfig, type LoraSpec, decoderLayout } from '@gapo/model';
import { at } from '@gapo/numeric';
import { type Decoder, decoderLayer, embed, norm, outputLogits } from './blocks.js';
import { attentionOperands, groupedRows, headTransforms } from './heads.js';
import { projection } from './linearMaps.js';
import { beforeWindow, masking } from './masks.js';
import type { Tensors } from './tensorSource.js';

/** Keys and values of one layer, [B, keyValueHeads, T, headWidth], the keys normed and turned. */
export interface KeysValues {
  readonly keys: Value;
  readonly values: Value;
}

/** The outputs of a decoder over whole sequences. */
export interface DecoderOutput {
  /** The last hidden state after the final norm: [B, T, width], or [N, width] for selected rows. */
  readonly hidden: Value;
  /** Every layer's keys and values. */
  readonly cache: readonly KeysValues[];
}

/** What to compute of whole sequences, and what to keep. */
export interface SequenceOptions {
  /** int64 [N]: the positions b · T + t whose hidden states are wanted. The last layer's feed-forward runs for them alone. */
  readonly rows?: Value;
  /** Whether backward passes keep only each layer's input and recompute the rest. @default false */
  readonly recompute?: boolean;
}

/**
 * Runs the decoder over whole sequences, padded on the right. ids int64 [B, T].
 * A position attends to itself and earlier ones, so padding reaches no real token.
 */
export function decodeSequences(
  config: DecoderConfig,
  ids: Value,
  tensors: Tensors,
  lora: LoraSpec | undefined,
  { rows, recompute = false }: SequenceOptions = {},
): DecoderOutput {
  const { heads, keyValueHeads, headWidth } = config;
  const layout = decoderLayout(config);
  const decoder: Decoder = { config, layout, tensors, project: projection(tensors, lora) };
  const positions = sequencePositions(ids); // [T]
  const transforms = headTransforms(decoder, positions);
  const masks = new Map<number | undefined, Value>(); // by window, [G·T, T]
  const cache: KeysValues[] = [];
  let x = embed(decoder, ids, everyRow(ids, positions)); // [B, T, width]
  layout.layers.forEach((layer, index) => {
    const attends = at(config.attention, index);
    const { window } = attends;
    const transform = transforms(attends);
    const mask = masks.get(window) ?? attentionMask(positions, heads / keyValueHeads, window);
    masks.set(window, mask);
    const attend = (normed: Value): Value => {
      const operands = attentionOperands(decoder, layer, normed, transform, (all, count) =>
        split(all, count, headWidth),
      );
      const { queries, keys, values } = operands;
      cache[index] ??= { keys, values };
      // The query heads that share keys are one product.
      const mixed = attention(queries, keys, values, mask, { scale: attends.scale, cap: config.scoreCap }); // [B, kv, G·T, headWidth]
      const perHead = reshape(mixed, [0, heads, -1, headWidth], ['B', heads, 'T', headWidth]);
      const joined = transpose(perHead, [0, 2, 1, 3]); // [B, T, heads, headWidth]
      return reshape(joined, [0, 0, heads * headWidth], ['B', 'T', heads * headWidth]);
    };
    const last = index === layout.layers.length - 1 ? rows : undefined;
    const kept = last && ((all: Value): Value => gatherRows(all, last));
    const whole = (input: Value): Value => decoderLayer(decoder, layer, input, attend, kept);
    x = recompute ? checkpoint(x, whole) : whole(x);
  });
  return { hidden: norm(decoder, layout.finalNorm, x), cache };
}

/** Logits over the vocabulary, divided by the temperature. hidden [..., width] → [..., V]. */
export function logits(config: DecoderConfig, hidden: Value, tensors: Tensors, inverseTemperature: Value): Value {
  return outputLogits(config, hidden, inverseTemperature, (x) => linear(x, tensors(decoderLayout(config).head)));
}

/** [B, T, heads·headWidth] → [B, heads, T, headWidth]. */
function split(x: Value, heads: number, headWidth: number): Value {
  return transpose(reshape(x, [0, 0, heads, headWidth], ['B', 'T', heads, headWidth]), [0, 2, 1, 3]);
}

/** 0, 1, …, T − 1, int64. */
function sequencePositions(ids: Value): Value {
  const g = ids.graph;
  const shape = g.emit('Shape', [ids], { dtype: 'int64', dims: [2] });
  const length = g.emit('Gather', [shape, g.integers([1], [])], { dtype: 'int64', dims: [] });
  return g.emit('Range', [g.integers([0], []), length, g.integers([1], [])], { dtype: 'int64', dims: ['T'] });
}

/** Positions [T] repeated for each sequence of ids [B, T], so that gradients of parameters find the batch's rows. */
function everyRow(ids: Value, positions: Value): Value {
  const g: Graph = ids.graph;
  const shape = g.emit('Shape', [ids], { dtype: 'int64', dims: [2] });
  return g.emit('Expand', [positions, shape], { dtype: 'int64', dims: ids.dims });
}

/** Hides later keys and those before the window; the rows repeat for each head of a group: [G·T, T]. */
function attentionMask(positions: Value, groups: number, window: number | undefined): Value {
  const g: Graph = positions.graph;
  const queries = reshape(positions, [-1, 1], ['T', 1]);
  const keys = reshape(positions, [1, -1], [1, 'T']);
  const later = emitBinary('Greater', keys, queries, 'bool'); // [T, T]
  const hidden = window === undefined ? later : emitBinary('Or', later, beforeWindow(keys, queries, window), 'bool');
  const mask = masking(hidden); // [T, T]
  const axis = { axis: { kind: 'int', value: 0 } } as const;
  const copies = Array.from({ length: groups }, () => mask);
  return g.emit('Concat', copies, { dtype: g.float, dims: [groupedRows(groups, 'T'), 'T'] }, axis);
}
