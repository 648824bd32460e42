/** Starts from a decoder with a new head. Either all of it is trained, or the head and adapters. */
import type { FitSettings } from '@gapo/config';
import {
  type DecoderModel,
  type KeyOptions,
  type LazyTensor,
  type LoraSpec,
  type NamedTensor,
  copyTokenizer,
  initialTensors,
  loraFor,
  merger,
  readDecoderModel,
  sequenceClassifierConfig,
  setPadding,
  withWideWeights,
} from '@gapo/model';
import { deriveSeed, required } from '@gapo/numeric';
import { readTokenizerWithTemplate } from './chatTemplate.js';
import { classifierTensors, decoderScores } from './decoderScores.js';
import { paddingId } from './padding.js';
import { type Start, freshTensor } from './start.js';

/** Options of {@link startFromDecoder}. */
export interface DecoderOptions extends KeyOptions {
  /** The model's directory. */
  readonly model: string;
  readonly lora: FitSettings['lora'];
  readonly seed: number;
  readonly maxTokens: number;
  /** A directory for the float32 copies of weights of other types. */
  readonly cache: string;
}

/**
 * Reads a decoder, and copies its tokenizer into a directory.
 *
 * @throws ModelError if the model or its tokenizer is invalid, or nothing loads the model as a classifier
 */
export async function startFromDecoder(directory: string, options: DecoderOptions): Promise<Start> {
  const { seed } = options;
  const decoder = await readDecoderModel(options.model, options);
  const { config, weights } = decoder;
  const classifier = await sequenceClassifierConfig(decoder);
  const lora = options.lora && loraFor(decoder, options.lora);
  await copyTokenizer(options.model, directory);
  const { tokenizer, conversation } = await readTokenizerWithTemplate(directory, { ignoreKeys: options.ignoreKeys });
  tokenizer.assertFits(config, options.model);
  const padId = await paddingId({ ...classifier, eosIds: config.eosIds }, tokenizer, conversation);
  await setPadding(
    directory,
    padId === undefined ? undefined : await tokenizer.decode([padId], { specialTokens: 'keep' }),
  );
  const model = decoderScores(
    config,
    lora && { lora, frozen: (await withWideWeights(decoder, options.cache)).weights },
  );
  const trunk = initialTensors(config, { ...(lora && { lora }), valueHeads: 0 }, seed, weights);
  const byName = new Map(trunk.map((tensor) => [tensor.name, tensor]));
  const tensors = model.trained.map(
    (shape) => byName.get(shape.name) ?? freshTensor(shape, deriveSeed(seed, 'head'), 0),
  );
  return {
    model,
    tensors,
    conversation,
    maxTokens: Math.min(options.maxTokens, config.context),
    notes: decoder.notes,
    baseSha256: decoder.sha256,
    content: async () => ({
      model: decoderScores(config),
      tensors: lora === undefined ? tensors : merged(decoder, lora, tensors),
      config: { ...classifier, pad_token_id: padId ?? null },
    }),
  };
}

/** Returns a classifier's tensors: the decoder's weights with the adapters merged, and the trained head. */
function merged(
  decoder: DecoderModel,
  lora: LoraSpec,
  trained: readonly NamedTensor[],
): readonly (NamedTensor | LazyTensor)[] {
  const withAdapter = merger(decoder, { lora, tensors: trained });
  const byName = new Map(trained.map((tensor) => [tensor.name, tensor]));
  return classifierTensors(decoder.config).map(
    ({ name, shape }) =>
      byName.get(name) ?? {
        name,
        shape,
        elements: () => withAdapter(required(decoder.weights.get(name), `the weight ${name}`)),
      },
  );
}
