/**
 * The description of an architecture: the names of its tensors, the keys of its config.json, and the decoder that they
 * specify. Readers, adapters, graphs and the sampler derive everything else from it; none of them knows an architecture
 * by name.
 */
import { z } from 'zod';
import type { DecoderConfig, TensorNames } from '../decoderConfig.js';
import { ModelError } from '../errors.js';
import { problemsOf, tokenIds } from './keys.js';

/** Adds a problem to the list that the error for a config.json reports. */
export type Report = (problem: string) => void;

/** The part of a decoder's description that an architecture reads from config.json in its own way. */
export type DecoderShape = Omit<DecoderConfig, 'names' | 'eosIds'>;

export interface Architecture {
  /** Its `model_type` in config.json. */
  readonly modelType: string;
  readonly names: TensorNames;
  /** Reads the keys of a config.json; undefined if one of them is missing or invalid, which it reports. */
  readonly read: (json: unknown, report: Report) => DecoderShape | undefined;
}

/** An architecture as its file declares it. */
export interface Description<Keys extends z.ZodType> {
  readonly modelType: string;
  readonly names: TensorNames;
  /** The keys of config.json that change the arithmetic; others are ignored. */
  readonly keys: Keys;
  /** The decoder that the keys specify. Reports combinations that are not supported. */
  readonly decoder: (keys: z.output<Keys>, report: Report) => DecoderShape;
}

/** Creates an architecture from its description. */
export function defineArchitecture<Keys extends z.ZodType>({
  keys,
  decoder,
  ...rest
}: Description<Keys>): Architecture {
  return {
    ...rest,
    read: (json, report) => {
      const parsed = keys.safeParse(json);
      if (parsed.success) return decoder(parsed.data, report);
      report(problemsOf(parsed.error));
      return undefined;
    },
  };
}

const eosSchema = z.object({ eos_token_id: tokenIds.nullish() });

/**
 * Returns the end-of-sequence tokens of a config.json or generation_config.json.
 *
 * @throws ModelError if they are not token ids
 */
export function eosTokens(path: string, json: unknown): readonly number[] {
  const parsed = eosSchema.safeParse(json);
  if (!parsed.success) throw new ModelError(path, problemsOf(parsed.error));
  return [parsed.data.eos_token_id ?? []].flat();
}

/**
 * Reads a decoder from the config.json of an architecture.
 *
 * @param architecture the one that the file names
 * @param json the file's content
 * @param path the file's path, for error messages
 * @param moreEosIds end-of-sequence tokens from elsewhere
 * @throws ModelError with every problem
 */
export function decoderOf(
  architecture: Architecture,
  json: unknown,
  path: string,
  moreEosIds: readonly number[] = [],
): DecoderConfig {
  const problems: string[] = [];
  const { names, read } = architecture;
  const shape = read(json, (problem) => problems.push(problem));
  if (shape === undefined) throw new ModelError(path, problems.join('; '));
  const eosIds = [...new Set([...eosTokens(path, json), ...moreEosIds])];
  const { headWidth, heads, rotary, vocabulary, width } = shape;
  if (!Number.isInteger(headWidth)) {
    problems.push(`the width ${width} is not a multiple of the ${heads} attention heads`);
  } else if (rotary !== undefined && headWidth % 2 !== 0) {
    problems.push(`a head has ${headWidth} channels; rotary embeddings need an even number`);
  }
  const beyond = eosIds.find((id) => id >= vocabulary);
  if (beyond !== undefined) problems.push(`eos_token_id ${beyond} is not below vocab_size ${vocabulary}`);
  if (problems.length > 0) throw new ModelError(path, problems.join('; '));
  return { ...shape, names, eosIds };
}
