/** The layers of a decoder over a stream of rows. */
import { type Value, attention, checkpoint, gatherRows, reshape } from '@gapo/graph';
import type { LayerAttention } from '@gapo/model';
import { at, required } from '@gapo/numeric';
import { type Decoder, decoderLayer, norm } from './blocks.js';
import type { Grid } from './grid.js';
import { type HeadTransform, attentionOperands } from './heads.js';

/** Keys and values of one layer, [B, keyValueHeads, T, headWidth], the keys normed and rotated. */
export interface KeysValues {
  readonly keys: Value;
  readonly values: Value;
}

/** Rows that run through the layers together and attend as B sequences of T positions. */
export interface Stream {
  /** [rows..., width]: the first layer's input. */
  readonly x: Value;
  /** The cells of the rows during attention. */
  readonly grid: Grid;
  /** The rotation of a layer's queries and keys. */
  readonly transforms: (attention: LayerAttention) => HeadTransform;
  /** What is added to the scores of a layer with this window; broadcasts against [B, keyValueHeads, G·T, S]. */
  readonly mask: (window: number | undefined) => Value;
  /** Keys and values that come before the stream's own. @default none */
  readonly past?: Past;
}

/** What a stream attends to before itself. */
export interface Past {
  /** By layer. */
  readonly cache: readonly KeysValues[];
  /** Joins a layer's past and own keys, or values: [B, keyValueHeads, S, headWidth]. */
  readonly join: (past: Value, own: Value) => Value;
}

/** What to compute and what to keep for a stream. */
export interface StreamOptions {
  /** int64 [N]: the rows, in order, whose hidden states are wanted. The last layer's feed-forward runs only for them. */
  readonly rows?: Value;
  /** Whether backward passes keep only each layer's inputs and recompute the rest. @default false */
  readonly recompute?: boolean;
}

/** The outputs of a decoder over a stream. */
export interface DecoderOutput {
  /** The last hidden state after the final norm: [rows..., width], or [N, width] for selected rows. */
  readonly hidden: Value;
  /** Every layer's own keys and values. */
  readonly cache: readonly KeysValues[];
}

/** Runs a stream through all layers and the final norm. */
export function decodeStream(
  decoder: Decoder,
  { x: first, grid, transforms, mask, past }: Stream,
  { rows, recompute = false }: StreamOptions,
): DecoderOutput {
  const { config, layout } = decoder;
  const { heads, headWidth } = config;
  const [sequences, positions] = grid.dims;
  const cache: KeysValues[] = [];
  let x = first;
  layout.layers.forEach((layer, index) => {
    const attends = at(config.attention, index);
    const transform = transforms(attends);
    const added = mask(attends.window);
    const last = index === layout.layers.length - 1 ? rows : undefined;
    const kept = last && ((all: Value): Value => gatherRows(all, last));
    /**
     * A layer: maps its input and the past's keys and values, if any, to its output and the stream's own keys and values.
     */
    const whole = ([input, pastKeys, pastValues]: readonly Value[]): readonly [Value, Value, Value] => {
      let own: KeysValues | undefined;
      const attend = (normed: Value): Value => {
        const { queries, keys, values } = attentionOperands(decoder, layer, normed, transform, grid.split);
        own = { keys, values };
        const before = (ours: Value, theirs: Value | undefined): Value =>
          past === undefined || theirs === undefined ? ours : past.join(theirs, ours);
        // The query heads that share keys are one product.
        const scoring = { scale: attends.scale, cap: config.scoreCap };
        const mixed = attention(queries, before(keys, pastKeys), before(values, pastValues), added, scoring); // [B, kv, G·T, headWidth]
        return grid.join(reshape(mixed, [0, heads, -1, headWidth], [sequences, heads, positions, headWidth]));
      };
      const y = decoderLayer(decoder, layer, input as Value, attend, kept);
      const { keys, values } = required(own, 'the keys of a layer');
      return [y, keys, values];
    };
    const prior = past && at(past.cache, index);
    const inputs = [x, ...(prior === undefined ? [] : [prior.keys, prior.values])] as [Value, ...Value[]];
    const [y, keys, values] = (recompute ? checkpoint(inputs, whole) : whole(inputs)) as readonly [Value, Value, Value];
    cache.push({ keys, values });
    x = y;
  });
  return { hidden: norm(decoder, layout.finalNorm, x), cache };
}
