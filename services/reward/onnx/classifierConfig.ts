/**
 * A classifier's config.json: what Hugging Face writes, and under `gapo_reward` what only a reward service needs.
 *
 * ```json
 * { "architectures": ["LlamaForSequenceClassification"], "vocab_size": 4096, "max_position_embeddings": 256,
 *   "gapo_reward": { "objective": "helpful", "threshold": 0 } }
 * ```
 */
import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { ModelError } from '@gapo/model';
import { finiteNumber, nonNegativeInt, parseYaml, positiveInt, word, z } from '@gapo/settings';
import type { Orientation } from '@gapo/reward';

/** What config.json says of a classifier. */
export interface ClassifierConfig {
  /** Rows of the embedding table. */
  readonly vocabulary: number;
  /** The longest sequence, in tokens. */
  readonly maxTokens: number;
  /** The id that fills rows up to a common length. Where the mask is 0 the model must not look. */
  readonly padId: number;
  /** The objective's name; undefined where the file leaves it to the service's settings. */
  readonly objective: string | undefined;
  readonly orientation: Orientation;
  readonly threshold: number | undefined;
  readonly minimum: number | undefined;
  readonly maximum: number | undefined;
  /** The column of `logits` that is the score; undefined where the file names none. */
  readonly label: number | undefined;
}

const architecture = z
  .string()
  .regex(/ForSequenceClassification$/)
  .meta({ expected: 'a sequence classifier, as "LlamaForSequenceClassification"' });

const rewardSchema = z.object({
  objective: word.optional(),
  orientation: z.enum(['higher_is_better', 'lower_is_better']).default('higher_is_better'),
  threshold: finiteNumber.optional(),
  max_tokens: positiveInt.optional(),
  minimum: finiteNumber.optional(),
  maximum: finiteNumber.optional(),
  label: z.union([nonNegativeInt, z.string()]).meta({ expected: "a label's name or column" }).optional(),
});

const configSchema = z.looseObject({
  architectures: z.tuple([architecture]),
  vocab_size: positiveInt,
  max_position_embeddings: positiveInt,
  pad_token_id: nonNegativeInt.nullish(),
  id2label: z.record(z.string(), z.string()).optional(),
  gapo_reward: rewardSchema.default({ orientation: 'higher_is_better' }),
});

/**
 * Reads and validates DIR/config.json.
 * @throws ModelError where it is missing or not JSON; ConfigError with the place of everything else that is wrong.
 */
export async function readClassifierConfig(directory: string): Promise<ClassifierConfig> {
  const path = join(directory, 'config.json');
  const text = await readText(path);
  try {
    JSON.parse(text);
  } catch (error) {
    throw new ModelError(path, `is not JSON: ${(error as Error).message}`);
  }
  // JSON is YAML: one checker, and one way to say what is wrong.
  const config = parseYaml(configSchema, text, { source: path });
  const { gapo_reward: reward } = config;
  const problem = contradiction(config);
  if (problem !== undefined) throw new ModelError(path, problem);
  return {
    vocabulary: config.vocab_size,
    maxTokens: reward.max_tokens ?? config.max_position_embeddings,
    padId: config.pad_token_id ?? 0,
    objective: reward.objective,
    orientation: reward.orientation,
    threshold: reward.threshold,
    minimum: reward.minimum,
    maximum: reward.maximum,
    label: labelColumn(path, reward.label, config.id2label ?? {}),
  };
}

/** A file's text. Throws ModelError where it cannot be read. */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new ModelError(path, missing ? 'does not exist' : `cannot be read: ${(error as Error).message}`);
  }
}

function contradiction(config: z.output<typeof configSchema>): string | undefined {
  const { max_tokens: maxTokens, minimum, maximum } = config.gapo_reward;
  const context = config.max_position_embeddings;
  if (maxTokens !== undefined && maxTokens > context) {
    return `gapo_reward.max_tokens is ${maxTokens}, more than max_position_embeddings ${context}`;
  }
  if (minimum !== undefined && maximum !== undefined && minimum >= maximum) {
    return `gapo_reward.minimum ${minimum} is not below gapo_reward.maximum ${maximum}`;
  }
  const padId = config.pad_token_id ?? 0;
  if (padId >= config.vocab_size) return `pad_token_id ${padId} is not below vocab_size ${config.vocab_size}`;
  return undefined;
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
  throw new ModelError(path, `gapo_reward.label is '${label}', but ${choices}`);
}
