/** Reads model directories in Hugging Face's layout. Every file is read once, and every tensor is accounted for. */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { DecoderConfig } from '../decoderConfig.js';
import { decoderTensors, tensorNames } from '../decoderLayout.js';
import { ModelError } from '../errors.js';
import { readJson } from '../files.js';
import { type ModelOptions, readDecoderConfig } from '../huggingFaceConfig.js';
import { type StoredTensor, type Weight, scanFile } from './storedTensors.js';
import { tensorMismatches } from './tensors.js';

/** A decoder read from a directory. */
export interface DecoderModel {
  readonly directory: string;
  readonly config: DecoderConfig;
  /** Every weight by its Hugging Face name. */
  readonly weights: ReadonlyMap<string, Weight>;
  /** SHA-256 (hex) over the weight files, in the order of their names. */
  readonly sha256: string;
}

const weightsFile = 'model.safetensors';
const indexFile = 'model.safetensors.index.json';
const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/** The most problems that an error lists; it counts the rest. */
const problemsShown = 8;

/**
 * Reads a decoder's configuration and locates its tensors. The weights are in model.safetensors, or in the files that
 * model.safetensors.index.json names.
 *
 * @throws ModelError if a file is missing or damaged, or with every tensor that is missing, unexpected or misshapen
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
  const config = await readDecoderConfig(await existingDirectory(directory), options);
  const hash = createHash('sha256');
  const problems: string[] = [];
  const tensors: StoredTensor[] = [];
  const { files, fileOf } = await weightFiles(directory);
  for (const file of files) {
    for (const tensor of await scanFile(resolve(directory, file), hash)) {
      const stated = fileOf?.get(tensor.name);
      if (fileOf !== undefined && stated !== file) {
        problems.push(
          `tensor '${tensor.name}' is in ${file}, but ` +
            (stated === undefined ? `not in ${indexFile}` : `${indexFile} says ${stated}`),
        );
      }
      tensors.push(tensor);
    }
  }
  const here = new Set(tensors.map(({ name }) => name));
  for (const [name, file] of fileOf ?? []) {
    if (!here.has(name)) problems.push(`tensor '${name}' is not in ${file}, but ${indexFile} says it is`);
  }
  const names = tensorNames(config, [...here]);
  const weights = new Map(
    tensors.flatMap((tensor) => {
      const name = names.get(tensor.name);
      return name === undefined ? [] : [[name, { ...tensor, name }] as const];
    }),
  );
  problems.push(...tensorMismatches(decoderTensors(config), weights, 'config.json'));
  if (problems.length > 0) {
    const shown = problems.slice(0, problemsShown).join('; ');
    const more = problems.length - problemsShown;
    throw new ModelError(directory, more > 0 ? `${shown}; and ${more} more` : shown);
  }
  return { directory, config, weights, sha256: hash.digest('hex') };
}

async function existingDirectory(directory: string): Promise<string> {
  const found = await stat(directory).catch(() => undefined);
  if (found === undefined)
    throw new ModelError(directory, 'does not exist; name a directory with config.json and *.safetensors');
  if (!found.isDirectory())
    throw new ModelError(directory, 'is not a directory; name one with config.json and *.safetensors');
  return directory;
}

/**
 * Returns the weight files, sorted, and the file of each tensor if there is an index.
 *
 * @throws ModelError if there are no weights, or the index is invalid
 */
async function weightFiles(
  directory: string,
): Promise<{ readonly files: readonly string[]; readonly fileOf?: ReadonlyMap<string, string> }> {
  if (await exists(join(directory, weightsFile))) return { files: [weightsFile] };
  const path = join(directory, indexFile);
  if (!(await exists(path))) {
    throw new ModelError(
      directory,
      `has neither ${weightsFile} nor ${indexFile}; convert weights in other formats first`,
    );
  }
  const parsed = indexSchema.safeParse(await readJson(path));
  if (!parsed.success) throw new ModelError(path, 'has no weight_map of tensor names to files');
  const fileOf = new Map(Object.entries(parsed.data.weight_map));
  const outside = [...fileOf.values()].find((file) => !/^[^/\\]+\.safetensors$/.test(file));
  if (outside !== undefined)
    throw new ModelError(path, `names '${outside}', which is not a *.safetensors file beside it`);
  return { files: [...new Set(fileOf.values())].sort(), fileOf };
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
