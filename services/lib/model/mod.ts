/** Models as files: configuration, weights, tokenizer, and the tensors that training adds. Needs no tensor runtime. */
export { ModelError } from './errors.js';
export {
  type DecoderConfig,
  type TensorShape,
  decoderTensors,
  linearModules,
  readDecoderConfig,
  toHuggingFaceConfig,
} from './decoderConfig.js';
export { type DecoderModel, readDecoderModel, sha256OfModel } from './modelDirectory.js';
export {
  type NamedTensor,
  encodeSafetensors,
  parseHeader,
  readSafetensors,
  sha256OfTensors,
  writeSafetensors,
} from './safetensors.js';
export { Tokenizer } from './tokenizer.js';
export {
  type LoraSpec,
  type TrainableSpec,
  adapterName,
  flatten,
  initialTensors,
  isTarget,
  loraTargets,
  randomDecoder,
  sizeOf,
  split,
  trainableTensors,
  valueHeadNames,
} from './trainable.js';
