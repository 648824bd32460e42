/** The common parts of Qwen2 and Qwen3: Llama with sliding windows in some layers. */
import type { z } from 'zod';
import { type DecoderShape, type Report, withWindows } from './architecture.js';
import { extent, flag, layerNumber } from './keys.js';
import { layerTypes, windowsOf } from './layerTypes.js';
import { llamaDecoder, llamaKeys } from './llamaFamily.js';

/** The keys of config.json that the family has in common. Defaults are those of transformers' Qwen2Config and Qwen3Config. */
export const qwenKeys = llamaKeys.extend({
  num_key_value_heads: extent.nullable().default(32),
  max_position_embeddings: extent.default(32_768),
  use_sliding_window: flag.optional(),
  sliding_window: extent.nullable().default(4096),
  max_window_layers: layerNumber.default(28),
  layer_types: layerTypes.nullish(),
});

/** Reads a decoder of the family, without biases. */
export function qwenDecoder(keys: z.output<typeof qwenKeys>, report: Report): DecoderShape {
  const shape = llamaDecoder(keys, report);
  return { ...shape, attention: withWindows(shape, qwenWindows(keys, report)) };
}

/** Returns each layer's window. With use_sliding_window, layer_types or, if absent, max_window_layers selects the layers. */
function qwenWindows(keys: z.output<typeof qwenKeys>, report: Report): readonly (number | undefined)[] {
  const { num_hidden_layers: layers, layer_types: types } = keys;
  const window = keys.use_sliding_window === true ? (keys.sliding_window ?? undefined) : undefined;
  if (types) return windowsOf(types, window, layers, report);
  return Array.from({ length: layers }, (_, layer) => (layer >= keys.max_window_layers ? window : undefined));
}
