/** The decoder over whole sequences: prompts, reward models, and the prefill of sampling. */
import { type Dim, type Value, emitExtent, emitGatherCells, emitRange, linear } from '@gapo/graph';
import { type DecoderConfig, type LoraSpec, decoderLayout } from '@gapo/model';
import { type Decoder, embed, outputLogits } from './blocks.js';
import { type Packing, packedGrid, paddedGrid } from './grid.js';
import { headTransforms } from './heads.js';
import { projection } from './linearMaps.js';
import { forGroups, hiddenWithin, masking, masksByWindow } from './masks.js';
import { type DecoderOutput, type StreamOptions, decodeStream } from './stream.js';
import type { Tensors } from './tensorSource.js';

/** A decoder, its linear maps with adapters where they have any. */
export function decoderOf(config: DecoderConfig, tensors: Tensors, lora: LoraSpec | undefined): Decoder {
  return { config, layout: decoderLayout(config), tensors, project: projection(tensors, lora) };
}

/**
 * Runs the decoder over whole sequences, padded on the right. ids int64 [B, T].
 * A position attends to itself and earlier ones, so padding reaches no real token. With a packing the rows are those of tokens, [M],
 * and padding is not computed; without one they are all cells, [B, T].
 */
export function decodeSequences(
  decoder: Decoder,
  ids: Value,
  { packing, ...options }: StreamOptions & { readonly packing?: Packing } = {},
): DecoderOutput {
  const { config } = decoder;
  const positions = emitRange(emitExtent(ids, 1), ids.dims[1] as Dim); // [T]
  const ofRows = (grid: Value): Value => (packing === undefined ? grid : emitGatherCells(grid, packing.places));
  const stream = {
    x: embed(decoder, ofRows(ids), ofRows(everyRow(ids, positions))), // [rows..., width]
    grid: packing === undefined ? paddedGrid(config, ids.dims as readonly [Dim, Dim]) : packedGrid(config, packing),
    transforms: headTransforms(decoder, positions),
    mask: masksByWindow((window) =>
      forGroups(masking(hiddenWithin(positions, window)), config.heads / config.keyValueHeads),
    ), // [G·T, T]
  };
  return decodeStream(decoder, stream, options);
}

/** Logits over the vocabulary, divided by the temperature. hidden [..., width] → [..., V]. */
export function logits({ config, layout, tensors }: Decoder, hidden: Value, inverseTemperature: Value): Value {
  return outputLogits(config, hidden, inverseTemperature, (x) => linear(x, tensors(layout.head)));
}

/** Positions [T] repeated for each sequence of ids [B, T], so that gradients of parameters find the batch's rows. */
function everyRow(ids: Value, positions: Value): Value {
  const g = ids.graph;
  const shape = g.emit('Shape', [ids], { dtype: 'int64', dims: [2] });
  return g.emit('Expand', [positions, shape], { dtype: 'int64', dims: ids.dims });
}
