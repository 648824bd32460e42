/** Small random decoders for tests. */
import { type DecoderConfig, type DecoderModel, llamaConfig, randomDecoder } from '@gapo/model';
import { tinyShape } from '@gapo/model/testing';

/** A decoder with grouped-query attention, small enough for finite differences. */
export const tinyConfig = llamaConfig(tinyShape({ vocabulary: 11, layers: 2, headWidth: 4, context: 32 }));

/** A random model of that shape, with weights large enough that its distributions are far from uniform. */
export function tinyModel(config: DecoderConfig = tinyConfig, seed = 3): DecoderModel {
  const tensors = randomDecoder(config, seed).map(({ name, shape, data }) => ({
    name,
    shape,
    data: name.endsWith('norm.weight') ? data : data.map((x) => x * 20),
  }));
  return {
    directory: 'tiny',
    config,
    weights: new Map(tensors.map((tensor) => [tensor.name, tensor])),
    notes: [],
    sha256: 'tiny',
  };
}
