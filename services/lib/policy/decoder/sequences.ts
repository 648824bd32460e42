/** The decoder over whole sequences: prompts, reward models, and the prefill of sampling. */
import { type Dim, type Value, emitExtent, emitRange, linear } from '@gapo/graph';
import { type DecoderConfig, type LoraSpec, decoderLayout } from '@gapo/model';
import { type Decoder, embed, outputLogits } from './blocks.js';
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
 * A position attends to itself and earlier ones, so padding reaches no real token.
 */
export function decodeSequences(decoder: Decoder, ids: Value, options: StreamOptions = {}): DecoderOutput {
  const { heads, keyValueHeads } = decoder.config;
  const positions = emitRange(emitExtent(ids, 1), ids.dims[1] as Dim); // [T]
  const stream = {
    x: embed(decoder, ids, everyRow(ids, positions)), // [B, T, width]
    transforms: headTransforms(decoder, positions),
    mask: masksByWindow((window) => forGroups(masking(hiddenWithin(positions, window)), heads / keyValueHeads)), // [G·T, T]
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
