/** The types of attention that layer_types lists: full, or with a sliding window. */
import { z } from 'zod';
import type { LayerAttention } from '../decoderConfig.js';
import type { RotaryPositions } from '../rotaryPositions.js';
import type { Report } from './architecture.js';

/** The key layer_types. */
export const layerTypes = z.array(
  z.enum(['full_attention', 'sliding_attention'], { error: "must be 'full_attention' or 'sliding_attention'" }),
);

/** One type for each layer. */
export type LayerTypes = z.output<typeof layerTypes>;

/** Returns the layer types if every n-th layer has full attention and the others a window. */
export function fullEvery(n: number, layers: number): LayerTypes {
  return Array.from({ length: layers }, (_, layer) => ((layer + 1) % n === 0 ? 'full_attention' : 'sliding_attention'));
}

/** Returns each layer's window, by its type. */
export function windowsOf(
  types: LayerTypes,
  window: number | undefined,
  layers: number,
  report: Report,
): readonly (number | undefined)[] {
  if (types.length !== layers) report(`layer_types has ${types.length} entries for num_hidden_layers ${layers}`);
  if (window === undefined && types.includes('sliding_attention')) {
    report("layer_types has 'sliding_attention', but there is no sliding window");
  }
  return types.map((type) => (type === 'sliding_attention' ? window : undefined));
}

/** The attention properties of each layer type. */
export interface AttentionTypes {
  readonly window: number | undefined;
  readonly full: RotaryPositions;
  readonly sliding: RotaryPositions;
  /** Multiplies the products of queries and keys. */
  readonly scale: number;
}

/** Returns how each layer attends, by its type. */
export function attentionByType(
  types: LayerTypes,
  { window, full, sliding, scale }: AttentionTypes,
  layers: number,
  report: Report,
): readonly LayerAttention[] {
  return windowsOf(types, window, layers, report).map((own, layer) => ({
    window: own,
    rotary: types[layer] === 'sliding_attention' ? sliding : full,
    scale,
  }));
}
