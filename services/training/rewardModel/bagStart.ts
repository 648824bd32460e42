/** Starts from a tokenizer alone, with an embedding bag of random weights. */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ModelError, copyTokenizer } from '@gapo/model';
import { readTokenizerWithTemplate } from './chatTemplate.js';
import { type BagShape, bagScores } from './embeddingBag.js';
import { type Start, freshTensor } from './start.js';

const tokenizerFile = 'tokenizer.json';

/** Options of {@link startFromTokenizer}. */
export interface BagOptions {
  /** A directory with a tokenizer, or its tokenizer.json. */
  readonly tokenizer: string;
  readonly seed: number;
  readonly maxTokens: number;
  /** Keys of tokenizer_config.json to read as if they were absent. @default none */
  readonly ignoreKeys?: readonly string[] | undefined;
}

/**
 * Creates an embedding bag, and copies its tokenizer into a directory.
 *
 * @throws ModelError if the tokenizer cannot be read
 */
export async function startFromTokenizer(
  directory: string,
  { tokenizer: given, seed, maxTokens, ignoreKeys }: BagOptions,
): Promise<Start> {
  await copyTokenizer(await tokenizerDirectory(given), directory);
  const { tokenizer, conversation } = await readTokenizerWithTemplate(directory, { ignoreKeys });
  const shape: BagShape = { vocabulary: tokenizer.size, width: 32, buckets: 8192 };
  const model = bagScores(shape);
  const tensors = model.trained.map((tensor, index) => freshTensor(tensor, seed, index));
  const json = await readFile(join(directory, tokenizerFile));
  return {
    model,
    tensors,
    conversation,
    maxTokens,
    notes: [],
    baseSha256: createHash('sha256').update(json).digest('hex'),
    content: async () => ({
      model,
      tensors,
      config: {
        architectures: ['EmbeddingBagForSequenceClassification'],
        model_type: 'embedding_bag',
        vocab_size: shape.vocabulary,
        hidden_size: shape.width,
        pair_buckets: shape.buckets,
        max_position_embeddings: maxTokens,
        num_labels: 1,
        torch_dtype: 'float32',
      },
    }),
  };
}

async function tokenizerDirectory(given: string): Promise<string> {
  const found = await stat(given).catch(() => undefined);
  if (found === undefined)
    throw new ModelError(given, `does not exist; name a ${tokenizerFile}, or a directory with one`);
  if (found.isDirectory()) return given;
  if (basename(given) === tokenizerFile) return dirname(given);
  throw new ModelError(given, `is not a ${tokenizerFile}; name one, or a directory with one`);
}
