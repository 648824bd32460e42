/** The common parts of Qwen2 and Qwen3: Llama with sliding windows in some layers. */
import { z } from 'zod';
import type { Report } from './architecture.js';
import { extent, flag, layerNumber } from './keys.js';
import { llamaKeys } from './llamaFamily.js';

/** The keys of config.json that the family has in common. */
export const qwenKeys = llamaKeys.extend({
  use_sliding_window: flag.optional(),
  sliding_window: extent.nullish(),
  max_window_layers: layerNumber.optional(),
  layer_types: z
    .array(
      z.enum(['full_attention', 'sliding_attention'], { error: "must be 'full_attention' or 'sliding_attention'" }),
    )
    .nullish(),
});

/** Returns each layer's window. With use_sliding_window, layer_types or else max_window_layers selects the layers. */
export function qwenWindows(keys: z.output<typeof qwenKeys>, report: Report): readonly (number | undefined)[] {
  const layers = Array.from({ length: keys.num_hidden_layers }, (_, layer) => layer);
  if (keys.use_sliding_window !== true) return layers.map(() => undefined);
  const window = keys.sliding_window ?? undefined;
  if (window === undefined) report('use_sliding_window needs sliding_window');
  const types = keys.layer_types;
  if (types && types.length !== layers.length) {
    report(`layer_types has ${types.length} entries for num_hidden_layers ${layers.length}`);
  }
  const first = keys.max_window_layers;
  if (!types && first === undefined) report('use_sliding_window needs layer_types or max_window_layers');
  const slides = (layer: number): boolean => (types ? types[layer] === 'sliding_attention' : layer >= (first ?? 0));
  return layers.map((layer) => (slides(layer) ? window : undefined));
}
