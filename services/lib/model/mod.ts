/**
 * Models as files: configuration, weights, tokenizer, adapters, and the memory that they need. Does not need a tensor
 * runtime.
 */
export { ModelError } from './errors.js';
export { parseJson } from './files.js';

export { configText } from './configJson.js';
export { type DecoderConfig, type LayerAttention } from './decoderConfig.js';
export {
  type DecoderLayout,
  type DecoderTensor,
  type LayerLayout,
  type LinearModule,
  type TensorShape,
  decoderLayout,
  decoderTensors,
} from './decoderLayout.js';
export { type ModelOptions, readDecoderConfig } from './huggingFaceConfig.js';
export { type KeyOptions, usualList } from './knownKeys.js';
export { type RotaryPositions, rotaryFactor, rotaryFrequencies } from './rotaryPositions.js';
export { type Architecture } from './architectures/architecture.js';
export { type LlamaShape, llamaConfig, toHuggingFaceConfig } from './architectures/llama.js';
export { architectures, loraTargets } from './architectures/registry.js';

export { toFloat32 } from './weights/floats.js';
export { philoxNormal } from './weights/initialization.js';
export { type DecoderModel, readDecoderModel, readDecoderShape } from './weights/modelDirectory.js';
export {
  type TensorEntry,
  encodeHeader as encodeSafetensorsHeader,
  readSafetensors,
  safetensorsChunks,
  writeSafetensors,
} from './weights/safetensors.js';
export { type Weight, elementsOf } from './weights/storedTensors.js';
export {
  type LazyTensor,
  type NamedTensor,
  concatenated,
  flatten,
  sha256OfTensors,
  sizeOf,
  split,
} from './weights/tensors.js';
export { isWide, withWideWeights } from './weights/wideWeights.js';

export {
  ChatTemplate,
  exchange,
  type TemplateOptions,
  templateVariables,
  type Turn,
} from './tokenizer/chatTemplate.js';
export { JudgedConversation } from './tokenizer/judgedConversation.js';
export { longestThatFits, roomyCharactersPerToken } from './tokenizer/longestThatFits.js';
export { PairTemplate } from './tokenizer/pairTemplate.js';
export type { Encoded } from './tokenizer/encodings.js';
export type { Prompt } from './tokenizer/prompt.js';
export {
  TextCodec,
  type CodecOptions,
  type LearnedTurn,
  type Overlong,
  type PolicyTokens,
  type TextTokenizer,
  type TokenCompletions,
  type TokenSequence,
} from './tokenizer/textCodec.js';
export { type DecodingOptions, type EncodingOptions, Tokenizer, type TokenizerOptions } from './tokenizer/tokenizer.js';
export { copyTokenizer, setPadding, tokenizerFiles } from './tokenizer/tokenizerFiles.js';

export {
  type MergedOptions,
  configWithDtype,
  mergedFiles,
  merger,
  sequenceClassifierConfig,
  writeMergedModel,
} from './adapters/mergedModel.js';
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
} from './adapters/peft.js';
export {
  type LoraException,
  type LoraSpec,
  type TrainableSpec,
  adapterName,
  adapterOf,
  initialTensors,
  randomDecoder,
  trainableTensors,
  valueHeadNames,
} from './adapters/trainable.js';

export { type MicroBatchExtents, activationBytes, defaultMemoryBudget, sharingPays } from './sizing/activations.js';
export { type EngineExtents, type GradientEngine, type RolloutEngine, nativeEngines } from './sizing/engines.js';
export { type Part, type Plan, type RunExtents, type Worker, planOf } from './sizing/plan.js';
export {
  type Rates,
  type StepTime,
  coordinatorBytesPerSecond,
  stepTime,
  stepTimes,
  usefulWorkers,
} from './sizing/stepTime.js';
