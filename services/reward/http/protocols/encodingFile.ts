/**
 * How items are encoded for a reward model behind a server that accepts token ids.
 *
 * ```yaml
 * encoding: { tokenizer: models/reward, maxTokens: 4096 }
 * ```
 */
import { dirname, resolve } from 'node:path';
import { ModelError, Tokenizer, tokenizerFiles } from '@gapo/model';
import { NoScore, type ScoreItem } from '@gapo/reward';
import { filePath, positiveInt, UserError, z } from '@gapo/service';
import { sha256OfFiles } from '../../encoding/digest.js';
import { itemEncoder, type FormSettings, type ItemEncoder } from '../../encoding/itemEncoder.js';
import { itemText } from '../../encoding/itemText.js';
import type { Protocol } from './protocol.js';

/** This service encodes items and sends token ids. */
export const tokenizerEncoding = z
  .strictObject({
    /** The directory of the reward model's tokenizer: tokenizer.json, tokenizer_config.json, and the chat template. */
    tokenizer: filePath,
    /** The longest sequence, including special tokens; at most what the server accepts. */
    maxTokens: positiveInt,
    /** chat: the conversation in the chat template; text: one text, with the tokenizer's special tokens. @default chat */
    input: z.enum(['chat', 'text']).default('chat'),
    /** With input: text. @default '{prompt}{completion}' */
    text: itemText.optional(),
    /** What is truncated if an item is longer. @default prompt */
    truncate: z.enum(['prompt', 'completion', 'none']).default('prompt'),
    /** The end at which tokens are removed. @default left */
    truncationSide: z.enum(['left', 'right']).default('left'),
  })
  .refine(({ input, text }) => input === 'text' || text === undefined, {
    path: ['text'],
    message: 'no text, because input is not text',
  });

/** How items are encoded. */
export type TokenizerEncoding = z.output<typeof tokenizerEncoding>;

/** Encodes items for one server. */
export interface RemoteEncoder {
  /** Returns an item's token ids, or why there are none. */
  encode(item: ScoreItem): Promise<readonly number[] | NoScore>;
  /** Changes with the tokenizer's files, which affect scores. */
  readonly version: string;
  /** The longest sequence, in tokens. */
  readonly maxTokens: number;
}

/**
 * Reads a tokenizer and checks that it has what the encoding needs.
 *
 * @param path the file that describes the server; the tokenizer's path is relative to it
 * @throws UserError if it cannot be read or lacks something
 */
export async function openEncoder(encoding: TokenizerEncoding, path: string): Promise<RemoteEncoder> {
  const directory = resolve(dirname(path), encoding.tokenizer);
  const settings: FormSettings = {
    path,
    maxTokens: 'encoding.maxTokens',
    input: () => 'encoding.input: text',
  };
  try {
    const tokenizer = await Tokenizer.read(directory, { unknownKeys: 'accept' });
    const encoder = itemEncoder(tokenizer, encoding, settings, directory);
    const digest = await sha256OfFiles(directory, await tokenizerFiles(directory));
    return {
      encode: (item) => encodedBy(encoder, item),
      version: digest.slice(0, 16),
      maxTokens: encoding.maxTokens,
    };
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    throw new UserError(`${path}: encoding.tokenizer: ${error.message}`, { cause: error });
  }
}

/** Returns the protocol's `prepare`, which adds token ids; nothing without an encoder. */
export function preparing(encoder: RemoteEncoder | undefined): Protocol['prepare'] {
  if (encoder === undefined) return undefined;
  return async (item) => {
    const tokenIds = await encoder.encode(item);
    return tokenIds instanceof NoScore ? tokenIds : { ...item, tokenIds };
  };
}

async function encodedBy(encoder: ItemEncoder, item: ScoreItem): Promise<readonly number[] | NoScore> {
  const encoding = await encoder.encode(item);
  return 'problem' in encoding ? new NoScore(encoding.problem) : encoding.ids;
}
