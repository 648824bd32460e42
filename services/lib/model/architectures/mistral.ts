/** Mistral: Llama with one sliding window for every layer. */
import { defineArchitecture } from './architecture.js';
import { extent } from './keys.js';
import { llamaDecoder, llamaKeys, llamaNames } from './llamaFamily.js';

export const mistral = defineArchitecture({
  modelType: 'mistral',
  names: { ...llamaNames, classPrefix: 'Mistral' },
  keys: llamaKeys.extend({ sliding_window: extent.nullish() }),
  decoder: (keys, report) => ({
    ...llamaDecoder(keys, report),
    windows: new Array<number | undefined>(keys.num_hidden_layers).fill(keys.sliding_window ?? undefined),
  }),
});
