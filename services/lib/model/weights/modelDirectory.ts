/** Reads model directories in Hugging Face's layout. Every file is read once, and every tensor is accounted for. */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { DecoderConfig } from '../decoderConfig.js';
import { ModelError } from '../errors.js';
import { type ModelOptions, readDecoderConfig } from '../huggingFaceConfig.js';
import { type DecoderWeights, decoderWeights } from './decoderWeights.js';
import { type Weight, scanFile } from './storedTensors.js';
import { type FoundTensors, findTensors } from './weightFiles.js';

/** A decoder read from a directory. */
export interface DecoderModel {
  readonly directory: string;
  readonly config: DecoderConfig;
  /** Every weight by its Hugging Face name. */
  readonly weights: ReadonlyMap<string, Weight>;
  /** What was decided if config.json and the weights differ, as sentences for the user. */
  readonly notes: readonly string[];
  /** SHA-256 (hex) over the weight files, in order of name. */
  readonly sha256: string;
}

/** Maximum number of problems listed in an error; the rest are counted. */
const problemsShown = 8;

/**
 * Reads a decoder's configuration and locates its tensors. The weights are in model.safetensors, in the files named in
 * model.safetensors.index.json, or in a complete set of numbered shards.
 *
 * @throws ModelError if a file is missing or damaged, or listing every tensor that is missing, unexpected or misshapen
 *
 * @example
 * ```ts
 * import { readDecoderModel, toFloat32 } from '@gapo/model';
 *
 * const { config, weights, sha256 } = await readDecoderModel('examples/assistant/models/policy');
 * console.log(`${config.layers} layers of width ${config.width}, SHA-256 ${sha256}`);
 * const elements = [...weights.values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
 * console.log(`${elements} parameters`);
 * ```
 */
export async function readDecoderModel(directory: string, options: ModelOptions = {}): Promise<DecoderModel> {
  const { found, ...model } = await locate(await existingDirectory(directory), options);
  if (found === undefined) {
    throw new ModelError(
      directory,
      'has neither model.safetensors nor model.safetensors.index.json: it has no weights',
    );
  }
  const hash = createHash('sha256');
  for (const path of found.paths) {
    await scanFile(
      path,
      hash,
      [...model.weights.values()].filter((tensor) => tensor.path === path),
    );
  }
  return { directory, ...model, sha256: hash.digest('hex') };
}

/**
 * Reads a decoder's configuration and checks it against the headers of its weight files, if there are any. Reads no weights
 * except two tables that should be the same.
 *
 * @throws ModelError as {@link readDecoderModel}, except for non-finite elements
 */
export async function readDecoderShape(
  directory: string,
  options: ModelOptions = {},
): Promise<Pick<DecoderModel, 'config' | 'notes'>> {
  return locate(directory, options);
}

interface Located extends Omit<DecoderWeights, 'problems'> {
  /** Undefined if the directory has no weights. */
  readonly found: FoundTensors | undefined;
}

async function locate(directory: string, options: ModelOptions): Promise<Located> {
  const config = await readDecoderConfig(directory, options);
  const found = await findTensors(directory);
  if (found === undefined) return { found, config, weights: new Map(), notes: [] };
  const { problems, ...located } = await decoderWeights(config, found, options);
  if (problems.length > 0) {
    const shown = problems.slice(0, problemsShown).join('; ');
    const more = problems.length - problemsShown;
    throw new ModelError(directory, more > 0 ? `${shown}; and ${more} more` : shown);
  }
  return { found, ...located };
}

async function existingDirectory(directory: string): Promise<string> {
  const found = await stat(directory).catch(() => undefined);
  if (found === undefined)
    throw new ModelError(directory, 'does not exist; name a directory with config.json and *.safetensors');
  if (!found.isDirectory())
    throw new ModelError(directory, 'is not a directory; name one with config.json and *.safetensors');
  return directory;
}
