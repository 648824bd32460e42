/** The configuration in a classifier's directory: Hugging Face's config.json, and the reward service's options. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelError, parseJson } from '@gapo/model';
import { nonNegativeInt, parseYaml, positiveInt, z } from '@gapo/service';
import type { FormSettings, ItemForm } from '../encoding/itemEncoder.js';
import { type ClassifierOptions, classifierOptions, optionHint } from './classifierOptions.js';
import { modelFile } from './modelFile.js';
import { largestLimit, type PositionSettings, positionLimit } from './positions.js';

/** A classifier as its directory describes it. */
export interface ClassifierConfig {
  /** The model's file, relative to the directory. */
  readonly file: string;
  /** Rows of the embedding table. */
  readonly vocabulary: number;
  /** The longest sequence, in tokens. */
  readonly maxTokens: number;
  /** The id that pads rows to a common length. */
  readonly padId: number;
  /** The names of the labels by column, as far as they are in id2label. */
  readonly labelNames: Readonly<Record<string, string>>;
  /** Whether an input has exactly one of the labels, so that their probabilities sum to 1. */
  readonly exclusive: boolean;
  /** The column of `logits` that is scored; undefined if the options name none. */
  readonly label: number | undefined;
  readonly options: ClassifierOptions;
  /** The file with the options, or where to add them. */
  readonly optionsPath: string;
}

const architecture = z
  .string()
  .regex(/ForSequenceClassification$/)
  .meta({ expected: 'a sequence classifier, such as "LlamaForSequenceClassification"' });

/** 0 or less means unlimited, in some architectures with relative positions. */
const positions = z.int().optional();

/** What the model was trained to predict. By default one label out of several or, with a single label, a value. */
const problemType = z.enum(['single_label_classification', 'multi_label_classification', 'regression']);

const configSchema = z.looseObject({
  architectures: z.tuple([architecture]),
  vocab_size: positiveInt,
  model_type: z.string().optional(),
  max_position_embeddings: positions,
  n_positions: positions,
  max_seq_len: positions,
  seq_length: positions,
  pad_token_id: nonNegativeInt.nullish(),
  id2label: z.record(z.string(), z.string()).optional(),
  problem_type: problemType.nullish(),
  gapo_reward: classifierOptions.optional(),
});

/**
 * Reads and validates DIR/config.json, the maximum length in DIR/tokenizer_config.json and, if it exists, DIR/reward.yaml.
 *
 * @throws ModelError if a file is missing or not JSON; ConfigError with the location of every other problem
 */
export async function readClassifierConfig(directory: string): Promise<ClassifierConfig> {
  const path = join(directory, 'config.json');
  const { text } = await readObject(path);
  // JSON is YAML, so one checker gives errors in one format.
  const config = parseYaml(configSchema, text, { source: path });
  const beside = join(directory, 'reward.yaml');
  const yaml = await readText(beside);
  if (yaml !== undefined && config.gapo_reward !== undefined) {
    throw new ModelError(beside, `has the options, and so does gapo_reward in ${path}; keep one of them`);
  }
  const options =
    yaml === undefined
      ? (config.gapo_reward ?? classifierOptions.parse({}))
      : parseYaml(classifierOptions, yaml, { source: beside });
  const optionsPath = yaml === undefined ? path : beside;
  const maxTokens = longestSequence(config, await tokenizerLimit(directory), options.max_tokens, path, optionsPath);
  const padId = config.pad_token_id ?? 0;
  if (padId >= config.vocab_size) {
    throw new ModelError(path, `has pad_token_id ${padId}, not below vocab_size ${config.vocab_size}`);
  }
  const labelNames = config.id2label ?? {};
  const label = labelColumn(optionsPath, options.label, labelNames);
  const file = await modelFile(directory, options.file, (choice) => optionHint(optionsPath, 'file', choice));
  const exclusive = (config.problem_type ?? 'single_label_classification') === 'single_label_classification';
  return { file, vocabulary: config.vocab_size, maxTokens, padId, labelNames, exclusive, label, options, optionsPath };
}

/** Returns how the classifier's items become tokens, and the names of the relevant options in messages. */
export function itemFormOf({ maxTokens, options, optionsPath }: ClassifierConfig): {
  readonly form: ItemForm;
  readonly settings: FormSettings;
} {
  const { input, text, truncate, truncation_side: truncationSide } = options;
  return {
    form: { input, text, maxTokens, truncate, truncationSide },
    settings: {
      path: optionsPath,
      maxTokens: 'max_tokens',
      input: (value) => optionHint(optionsPath, 'input', value),
    },
  };
}

/**
 * Returns the longest sequence: max_tokens in the options, otherwise what the model and the tokenizer allow.
 *
 * @throws ModelError if the model has fewer positions than max_tokens, or nothing states a limit
 */
function longestSequence(
  config: PositionSettings,
  tokenizer: number,
  maxTokens: number | undefined,
  path: string,
  optionsPath: string,
): number {
  const { tokens, stated } = positionLimit(config) ?? { tokens: Infinity, stated: '' };
  if (tokens < 1) throw new ModelError(path, `leaves no position for a token: ${stated}`);
  if (maxTokens !== undefined && maxTokens > tokens) {
    throw new ModelError(optionsPath, `has max_tokens ${maxTokens}, more than ${stated}`);
  }
  const limit = maxTokens ?? Math.min(tokens, tokenizer);
  if (limit < largestLimit) return limit;
  const hint = optionHint(optionsPath, 'max_tokens', 512);
  throw new ModelError(
    path,
    `states no max_position_embeddings, nor tokenizer_config.json model_max_length; add ${hint}`,
  );
}

/** Returns the tokenizer's `model_max_length`; Infinity if it states none. transformers writes 1e30 for none. */
async function tokenizerLimit(directory: string): Promise<number> {
  const path = join(directory, 'tokenizer_config.json');
  const { value } = await readObject(path);
  const limit = value['model_max_length'] ?? Infinity;
  if (typeof limit === 'number' && limit >= 1) return Math.floor(limit);
  throw new ModelError(path, `has model_max_length ${JSON.stringify(limit)}; expected a number of at least 1`);
}

/** Reads a JSON object. @throws ModelError if it is missing or not an object */
async function readObject(path: string): Promise<{ readonly text: string; readonly value: Record<string, unknown> }> {
  const text = await readText(path);
  if (text === undefined) throw new ModelError(path, 'does not exist');
  return { text, value: parseJson(path, text) };
}

/** Reads a file's text; undefined if it does not exist. @throws ModelError if it cannot be read */
async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ModelError(path, `cannot be read: ${(error as Error).message}`);
  }
}

function labelColumn(
  path: string,
  label: string | number | undefined,
  names: Readonly<Record<string, string>>,
): number | undefined {
  if (typeof label !== 'string') return label;
  const column = Object.entries(names).find(([, name]) => name === label)?.[0];
  if (column !== undefined && /^\d+$/.test(column)) return Number(column);
  const known = Object.values(names);
  const choices = known.length === 0 ? 'id2label names none' : `id2label names ${known.join(', ')}`;
  throw new ModelError(path, `has label '${label}', but ${choices}`);
}
