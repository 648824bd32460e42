/**
 * The tasks of the processes that use tokenizers: nothing that a file, a chat template or a tokenizer does reaches the
 * coordinator's own process.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type DecoderConfig,
  type DecodingOptions,
  type Prompt,
  TextCodec,
  Tokenizer,
  type TokenizerOptions,
} from '@gapo/model';
import { type Outcome, outcome, reportProgress } from '@gapo/service';
import { type DataConfig, type PackedRunData, readRunData } from './runData.js';

/** A model's tokenizer and how its files are read. */
export interface TokenizerSource {
  readonly directory: string;
  readonly options: TokenizerOptions;
}

/** What to read. */
export interface ReadRequest {
  readonly config: DataConfig;
  /** The base of the configuration's relative paths. */
  readonly baseDirectory: string;
  readonly tokenizer: TokenizerSource;
  readonly decoder: Pick<DecoderConfig, 'context' | 'eosIds' | 'vocabulary'>;
}

/** What a process is doing. */
export interface DataProgress {
  /** The path of the file that it reads. */
  readonly file: string;
  /** The number of rows read so far, from all files. */
  readonly rows: number;
}

/** Rows of token ids to decode. */
export interface DecodeRequest {
  readonly tokenizer: TokenizerSource;
  readonly rows: readonly (readonly number[])[];
  readonly options: DecodingOptions;
}

/** Rows of token ids whose tokens are wanted. */
export interface PiecesRequest {
  readonly tokenizer: TokenizerSource;
  readonly rows: readonly (readonly number[])[];
  /** Tokens of a row beyond which the others are left out. */
  readonly longest: number;
}

/** Reads the data of a run. Its progress is {@link DataProgress}. */
export function read({
  config,
  baseDirectory,
  tokenizer: source,
  decoder,
}: ReadRequest): Promise<Outcome<PackedRunData>> {
  return outcome(async () => {
    const report = (progress: DataProgress): void => reportProgress(progress);
    const { directory, options } = source;
    report({ file: join(directory, 'tokenizer.json'), rows: 0 });
    const key = await keyOf(directory);
    const tokenizer = await Tokenizer.read(directory, options);
    tokenizer.assertFits(decoder, directory);
    void keep(key, Promise.resolve(tokenizer));
    const { eosIds: endIds, context } = decoder;
    const policy = { endIds, endId: tokenizer.endId(decoder), context };
    return readRunData(config, baseDirectory, tokenizer, policy, (file, rows) => report({ file, rows }));
  });
}

/** Decodes rows of token ids. */
export function decode({ tokenizer, rows, options }: DecodeRequest): Promise<Outcome<string[]>> {
  return outcome(async () => (await known(tokenizer)).decodeAll(rows, options));
}

/** Returns the text of each token of rows. */
export function pieces({ tokenizer, rows, longest }: PiecesRequest): Promise<Outcome<string[][]>> {
  return outcome(async () => (await known(tokenizer)).piecesOfAll(rows, longest));
}

/** @param rendering whether the rendering of its chat template counts */
async function known({ directory, options }: TokenizerSource, rendering = false): Promise<Tokenizer> {
  const file = await keyOf(directory);
  const key = rendering ? `${file} ${JSON.stringify(options)}` : file;
  return keep(key, kept.get(key) ?? Tokenizer.read(directory, options));
}

/** Prompts to encode. */
export interface EncodeRequest {
  readonly tokenizer: TokenizerSource;
  readonly decoder: ReadRequest['decoder'];
  /** Tokens of the context that a prompt leaves free for its completion. */
  readonly reserved: number;
  readonly prompts: readonly Prompt[];
}

/** Encodes prompts. Each result is its token ids, or why it cannot be sampled from. */
export function encode(request: EncodeRequest): Promise<Outcome<readonly (readonly number[] | string)[]>> {
  return outcome(async () => {
    const { decoder, reserved, prompts } = request;
    const tokenizer = await known(request.tokenizer, true);
    const { eosIds: endIds, context } = decoder;
    const codec = new TextCodec(tokenizer, { endIds, endId: tokenizer.endId(decoder), context }, { reserved });
    const encoded = await codec.prompts(prompts);
    return encoded.map((result) => ('value' in result ? result.value : result.error.message));
  });
}

/** The tokenizers that were used last, the latest at the end. */
const kept = new Map<string, Promise<Tokenizer>>();
const mostKept = 4;

function keep(key: string, tokenizer: Promise<Tokenizer>): Promise<Tokenizer> {
  kept.delete(key);
  kept.set(key, tokenizer);
  tokenizer.catch(() => kept.delete(key));
  for (const oldest of kept.keys()) {
    if (kept.size > mostKept) kept.delete(oldest);
  }
  return tokenizer;
}

/** Returns a name of the tokenizer that changes with its file. */
async function keyOf(directory: string): Promise<string> {
  const found = await stat(join(directory, 'tokenizer.json')).catch(() => undefined);
  return `${directory} ${found?.mtimeMs} ${found?.size}`;
}
