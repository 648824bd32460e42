/** Mistral: Llama with a sliding window, in every layer or in those named in layer_types. */
import { type Architecture, defineArchitecture, withWindows } from './architecture.js';
import { extent } from './keys.js';
import { layerTypes, windowsOf } from './layerTypes.js';
import { llamaDecoder, llamaKeys, llamaNames } from './llamaFamily.js';

/** Creates an architecture. Defaults are those of transformers' MistralConfig and MinistralConfig. */
const withWindow = (modelType: string, classifier: string): Architecture =>
  defineArchitecture({
    modelType,
    names: { ...llamaNames, classifier },
    keys: llamaKeys.extend({
      num_key_value_heads: extent.nullable().default(8),
      max_position_embeddings: extent.default(131_072),
      sliding_window: extent.nullable().default(4096),
      layer_types: layerTypes.nullish(),
    }),
    decoder: (keys, report) => {
      const { num_hidden_layers: layers, layer_types: types } = keys;
      const window = keys.sliding_window ?? undefined;
      const windows = types ? windowsOf(types, window, layers, report) : new Array<typeof window>(layers).fill(window);
      const shape = llamaDecoder(keys, report);
      return { ...shape, attention: withWindows(shape, windows) };
    },
  });

export const mistral = withWindow('mistral', 'MistralForSequenceClassification');

/** Mistral with layer_types, under its name in transformers since version 5. */
export const ministral = withWindow('ministral', 'MinistralForSequenceClassification');
