/** Models as files: configuration, weights, tokenizer, and the tensors that training adds. Needs no tensor runtime. */
export { ModelError } from './errors.js';
export { type Biases, type DecoderConfig, type RotaryPositions, rotaryFrequencies } from './decoderConfig.js';
export { type Architecture } from './architectures/architecture.js';
export { type LlamaShape, llamaConfig, toHuggingFaceConfig } from './architectures/llama.js';
export { architectures, loraTargets } from './architectures/registry.js';
export {
  type DecoderLayout,
  type DecoderTensor,
  type LayerLayout,
  type LinearModule,
  type TensorShape,
  decoderLayout,
  decoderTensors,
  linearModules,
} from './decoderLayout.js';
export { readDecoderConfig } from './huggingFaceConfig.js';
export { philoxNormal } from './initialization.js';
export { type DecoderModel, readDecoderModel } from './modelDirectory.js';
export {
  type Adapter,
  adapterFiles,
  adapterMetadata,
  linearTargets,
  loraFor,
  peftConfig,
  readAdapter,
  readLora,
  unmatchedTargets,
} from './peft.js';
export {
  type LazyTensor,
  type NamedTensor,
  type TensorEntry,
  encodeHeader as encodeSafetensorsHeader,
  encodeSafetensors,
  parseHeader,
  readSafetensors,
  sha256OfTensors,
  toFloat32,
  writeSafetensors,
} from './safetensors.js';
export { ChatTemplate, exchange, type Turn } from './chatTemplate.js';
export { type EncodedPair, PairTemplate } from './sequenceTemplate.js';
export { JudgedConversation } from './judgedConversation.js';
export { longestThatFits, roomyCharactersPerToken } from './longestThatFits.js';
export { TextCodec, type PolicyTokens, type TextTokenizer, type TokenSequence } from './tokenizer/textCodec.js';
export { Tokenizer } from './tokenizer.js';
export { copyTokenizer, isTokenizerFile } from './tokenizerFiles.js';
export {
  type LoraSpec,
  type TrainableSpec,
  adapterName,
  concatenated,
  flatten,
  initialTensors,
  isTarget,
  randomDecoder,
  sizeOf,
  split,
  trainableTensors,
  valueHeadNames,
} from './trainable.js';
export { type StoredTensor, type Weight, elementsOf } from './weights.js';
export {
  type MergedOptions,
  configWithDtype,
  mergedFiles,
  merger,
  sequenceClassifierConfig,
  writeMergedModel,
} from './mergedModel.js';
export { isWide, withWideWeights } from './wideWeights.js';
export { type MicroBatchExtents, activationBytes, defaultMemoryBudget } from './sizing/activations.js';
export { type Part, type Plan, type RunExtents, type Worker, planOf } from './sizing/plan.js';
