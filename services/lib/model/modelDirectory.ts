/** Model directories in Hugging Face's layout: read whole, every tensor accounted for. */
import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DecoderConfig } from './decoderConfig.js';
import { type TensorShape, decoderTensors, tensorNames } from './decoderLayout.js';
import { ModelError } from './errors.js';
import { readDecoderConfig } from './huggingFaceConfig.js';
import { type NamedTensor, parseTensors, readBytes } from './safetensors.js';

/** A decoder read from its directory. */
export interface DecoderModel {
  readonly directory: string;
  readonly config: DecoderConfig;
  /** Every weight by its Hugging Face name. */
  readonly weights: ReadonlyMap<string, NamedTensor>;
  /** SHA-256 (hex) over the weight files. */
  readonly sha256: string;
}

/**
 * Reads a decoder. `extra` names tensors beyond the decoder's own that must be there, such as a classifier's head.
 * @throws ModelError where a file is missing or damaged, or a tensor is missing, surplus or misshapen.
 */
export async function readDecoderModel(directory: string, extra: readonly TensorShape[] = []): Promise<DecoderModel> {
  const config = await readDecoderConfig(await existingDirectory(directory));
  const { tensors, sha256 } = await readWeights(directory);
  const names = tensorNames(
    config,
    tensors.map(({ name }) => name),
  );
  const named = tensors.flatMap((tensor) => {
    const name = names.get(tensor.name);
    return name === undefined ? [] : [{ ...tensor, name }];
  });
  return { directory, config, weights: matched(directory, [...decoderTensors(config), ...extra], named), sha256 };
}

/** SHA-256 (hex) over a directory's weight files, without reading tensors out of them. */
export async function sha256OfModel(directory: string): Promise<string> {
  const hash = createHash('sha256');
  for (const path of await weightFiles(await existingDirectory(directory))) hash.update(await readBytes(path));
  return hash.digest('hex');
}

async function readWeights(directory: string): Promise<{ tensors: readonly NamedTensor[]; sha256: string }> {
  const hash = createHash('sha256');
  const tensors: NamedTensor[] = [];
  for (const path of await weightFiles(directory)) {
    const bytes = await readBytes(path);
    hash.update(bytes);
    for (const tensor of parseTensors(bytes, path)) tensors.push(tensor);
  }
  return { tensors, sha256: hash.digest('hex') };
}

async function existingDirectory(directory: string): Promise<string> {
  const found = await stat(directory).catch(() => undefined);
  if (found === undefined)
    throw new ModelError(directory, 'does not exist; name a directory with config.json and *.safetensors');
  if (!found.isDirectory())
    throw new ModelError(directory, 'is not a directory; name one with config.json and *.safetensors');
  return directory;
}

async function weightFiles(directory: string): Promise<readonly string[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.safetensors')).sort();
  if (names.length === 0) throw new ModelError(directory, 'has no *.safetensors file');
  return names.map((name) => join(directory, name));
}

/** The tensors by name, each expected one present in its shape and no other. */
function matched(
  directory: string,
  expected: readonly TensorShape[],
  tensors: readonly NamedTensor[],
): ReadonlyMap<string, NamedTensor> {
  const found = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const problems: string[] = [];
  for (const { name, shape } of expected) {
    const tensor = found.get(name);
    if (tensor === undefined) problems.push(`tensor '${name}' [${shape.join()}] is missing`);
    else if (tensor.shape.join() !== shape.join()) {
      problems.push(`tensor '${name}' is [${tensor.shape.join()}], config.json asks for [${shape.join()}]`);
    }
  }
  const names = new Set(expected.map(({ name }) => name));
  for (const name of found.keys())
    if (!names.has(name)) problems.push(`tensor '${name}' has no place in this architecture`);
  if (problems.length > 0) {
    const shown = problems.slice(0, 5).join('; ');
    throw new ModelError(directory, problems.length > 5 ? `${shown}; and ${problems.length - 5} more` : shown);
  }
  return found;
}
