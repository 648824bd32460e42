/** SmolLM3: Llama with layers whose queries and keys do not depend on their positions. */
import { z } from 'zod';
import { defineArchitecture, withWindows } from './architecture.js';
import { extent, flag } from './keys.js';
import { layerTypes, windowsOf } from './layerTypes.js';
import { biasesOf, llamaDecoder, llamaKeys, llamaNames } from './llamaFamily.js';

export const smolLm3 = defineArchitecture({
  modelType: 'smollm3',
  names: { ...llamaNames, classifier: 'SmolLM3ForSequenceClassification' },
  keys: llamaKeys.extend({
    num_key_value_heads: extent.nullable().default(4),
    max_position_embeddings: extent.default(32_768),
    attention_bias: flag.optional(),
    mlp_bias: flag.optional(),
    tie_word_embeddings: flag.default(true),
    use_sliding_window: flag.default(false),
    sliding_window: extent.nullish(),
    layer_types: layerTypes.nullish(),
    no_rope_layers: z.array(z.union([z.literal(0), z.literal(1)], { error: 'must be 0 or 1' })).nullish(),
    no_rope_layer_interval: extent.default(4),
  }),
  harmless: ['max_window_layers'], // layer_types or no_rope_layers names the layers with a window
  decoder: (keys, report) => {
    const { num_hidden_layers: layers, no_rope_layers: listed, no_rope_layer_interval: interval } = keys;
    const turns = (layer: number): boolean => (listed ? listed[layer] === 1 : (layer + 1) % interval !== 0);
    if (listed && listed.length < layers) {
      report(`no_rope_layers has ${listed.length} entries for num_hidden_layers ${layers}`);
    }
    const window = keys.sliding_window ?? undefined;
    const shape = llamaDecoder(keys, report, 2_000_000);
    const windows = keys.layer_types
      ? windowsOf(keys.layer_types, window, layers, report)
      : shape.attention.map((_, layer) => (keys.use_sliding_window && !turns(layer) ? window : undefined));
    const attention = withWindows(shape, windows).map((own, layer) =>
      turns(layer) ? own : { ...own, rotary: undefined },
    );
    return { ...shape, attention, biases: biasesOf(keys) };
  },
});
