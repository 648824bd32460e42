/** The decoder used for the engine's and the sampler's figures: Llama-shaped, 6 layers of width 256, 7 M parameters. */
import {
  type DecoderConfig,
  type DecoderModel,
  type LlamaShape,
  type NamedTensor,
  type TrainableSpec,
  initialTensors,
  llamaConfig,
  loraTargets,
  randomDecoder,
} from '@gapo/model';
import { uniform } from '@gapo/numeric';

/** Its shape. It has no end-of-sequence token, so that every completion has the requested length. */
export const benchShape: LlamaShape = {
  vocabulary: 4096,
  width: 256,
  feedForward: 1024,
  layers: 6,
  heads: 8,
  keyValueHeads: 8,
  headWidth: 32,
  context: 512,
  epsilon: 1e-5,
  ropeTheta: 10_000,
  tiedEmbeddings: true,
  bosId: 1,
  eosIds: [],
};
export const benchConfig: DecoderConfig = llamaConfig(benchShape);

/** Its trained part: adapters of rank 8 on every linear map. */
export const benchTrainable: TrainableSpec = {
  lora: { rank: 8, alpha: 16, targets: [...loraTargets] },
  valueHeads: 0,
};

/** The decoder with random weights. */
export function benchDecoder(): DecoderModel {
  const tensors = randomDecoder(benchConfig, 1);
  return {
    directory: 'bench',
    config: benchConfig,
    weights: new Map(tensors.map((tensor) => [tensor.name, tensor])),
    notes: [],
    sha256: 'bench',
  };
}

/** A version of its adapters without zeros. */
export function benchVersion({ weights }: DecoderModel): readonly NamedTensor[] {
  return initialTensors(benchConfig, benchTrainable, 2, weights).map(({ name, shape, data }) => ({
    name,
    shape,
    data: name.includes('.lora_B.') ? data.map((_, i) => 0.01 * Math.sin(i)) : data,
  }));
}

/** Random token ids, without any special one. */
export function randomIds(seed: number, length: number): number[] {
  return Array.from({ length }, (_, i) => 3 + Math.floor(uniform(seed, i) * (benchConfig.vocabulary - 3)));
}
