/**
 * The description of an architecture: the names of its tensors, the keys of its config.json, and the decoder that they
 * specify. Readers, adapters, graphs and the sampler derive everything else from it; none of them refers to an
 * architecture by name.
 */
import type { z } from 'zod';
import type { DecoderConfig, LayerAttention, TensorNames } from '../decoderConfig.js';
import { ModelError } from '../errors.js';
import { type KeyOptions, type KnownKeys, checkKeys, joinedKeys } from '../knownKeys.js';
import { configKeys } from './configKeys.js';
import { eosTokens } from './generationConfig.js';
import { problemsOf } from './keys.js';
import { insteadOfQuantized, quantizationOf } from './quantization.js';

/** Adds a problem to the list reported in the error for a config.json. */
export type Report = (problem: string) => void;

/** The part of a decoder's description that an architecture reads from config.json in its own way. */
export type DecoderShape = Omit<DecoderConfig, 'names' | 'eosIds'>;

export interface Architecture {
  /** Its `model_type` in config.json. */
  readonly modelType: string;
  readonly names: TensorNames;
  /** The keys of its config.json. */
  readonly known: KnownKeys;
  /** Reads the keys of a config.json; undefined if one of them is missing or invalid, which it reports. */
  readonly read: (json: Readonly<Record<string, unknown>>, report: Report) => DecoderShape | undefined;
}

/** An architecture as its file declares it. */
export interface Description<Keys extends z.ZodObject> {
  readonly modelType: string;
  readonly names: TensorNames;
  /** The keys of config.json that it reads. */
  readonly keys: Keys;
  /** Keys of its config.json that do not affect what gapo computes, in addition to those common to all architectures. */
  readonly harmless?: KnownKeys['harmless'];
  /**
   * Keys that are not implemented, with the values at which they have no effect, in addition to those common to all
   * architectures.
   */
  readonly neutral?: KnownKeys['neutral'];
  /** Aliases of keys. If both are present, the alias wins. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** The decoder that the keys specify. Reports combinations that are not supported. */
  readonly decoder: (keys: z.output<Keys>, report: Report) => DecoderShape;
}

/** Creates an architecture from its description. */
export function defineArchitecture<Keys extends z.ZodObject>({
  keys,
  harmless = [],
  neutral = {},
  aliases = {},
  decoder,
  ...rest
}: Description<Keys>): Architecture {
  return {
    ...rest,
    known: joinedKeys(configKeys, { used: [...Object.keys(keys.shape), ...Object.keys(aliases)], harmless, neutral }),
    read: (json, report) => {
      const renamed = Object.entries(aliases).flatMap(([alias, key]) => (alias in json ? [[key, json[alias]]] : []));
      const parsed = keys.safeParse({ ...json, ...(Object.fromEntries(renamed) as object) });
      if (parsed.success) return decoder(parsed.data, report);
      report(problemsOf(parsed.error));
      return undefined;
    },
  };
}

/** Returns the same attention for every layer. */
export function everyLayer(layers: number, attention: LayerAttention): readonly LayerAttention[] {
  return new Array<LayerAttention>(layers).fill(attention);
}

/** Returns the attention of a decoder's layers with different windows. */
export function withWindows(
  { attention }: Pick<DecoderConfig, 'attention'>,
  windows: readonly (number | undefined)[],
): readonly LayerAttention[] {
  return attention.map((own, layer) => ({ ...own, window: windows[layer] }));
}

/** Options of {@link decoderOf}. */
export interface DecoderOptions extends KeyOptions {
  /** End-of-sequence tokens from elsewhere. @default none */
  readonly eosIds?: readonly number[];
}

/**
 * Reads a decoder from the config.json of an architecture.
 *
 * @param architecture the architecture named in the file
 * @param content the file's content
 * @param path the file's path, for error messages
 * @param options the keys to ignore, and end-of-sequence tokens from elsewhere
 * @throws ModelError with every problem
 */
export function decoderOf(
  architecture: Architecture,
  content: Readonly<Record<string, unknown>>,
  path: string,
  { eosIds: moreEosIds = [], ...options }: DecoderOptions = {},
): DecoderConfig {
  const { names, known, read } = architecture;
  const { json, problems: refused } = checkKeys(content, known, options);
  const quantization = quantizationOf(json);
  const problems = [
    ...(quantization === undefined ? [] : [`the weights are quantized by ${quantization}: ${insteadOfQuantized}`]),
    ...refused,
  ];
  const shape = read(json, (problem) => problems.push(problem));
  if (shape === undefined) throw new ModelError(path, problems.join('; '));
  const eosIds = [...new Set([...eosTokens(path, json), ...moreEosIds])];
  const { attention, headWidth, heads, vocabulary, width } = shape;
  const odd = attention.map(({ rotary }) => rotary?.width ?? 0).find((turned) => turned % 2 !== 0);
  if (!Number.isInteger(headWidth)) {
    problems.push(`the width ${width} is not a multiple of the ${heads} attention heads`);
  } else if (odd !== undefined) {
    problems.push(`rotary embeddings turn ${odd} channels of a head; they need an even number`);
  }
  const beyond = eosIds.find((id) => id >= vocabulary);
  if (beyond !== undefined) problems.push(`eos_token_id ${beyond} is not below vocab_size ${vocabulary}`);
  if (problems.length > 0) throw new ModelError(path, problems.join('; '));
  return { ...shape, names, eosIds };
}
