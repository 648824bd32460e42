/** Model directories in Hugging Face's layout: every file read through once, every tensor accounted for. */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { Architecture } from './architectures/architecture.js';
import { architectures } from './architectures/registry.js';
import type { DecoderConfig } from './decoderConfig.js';
import { type TensorShape, decoderTensors, tensorNames } from './decoderLayout.js';
import { ModelError } from './errors.js';
import { readDecoderConfig } from './huggingFaceConfig.js';
import { readJson } from './jsonFile.js';
import { type StoredTensor, type Weight, scanFile } from './weights.js';

/** A decoder of a directory. */
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

/** Problems that an error lists; the rest are counted. */
const problemsShown = 8;

/**
 * Reads a decoder: its configuration, and where its tensors lie. The weights are in model.safetensors, or in the files
 * that model.safetensors.index.json names.
 *
 * @param known the architectures that it may be of. @default every registered one
 * @throws ModelError where a file is missing or damaged, or with every tensor that is missing, surplus or misshapen.
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
export async function readDecoderModel(
  directory: string,
  known: readonly Architecture[] = architectures,
): Promise<DecoderModel> {
  const config = await readDecoderConfig(await existingDirectory(directory), known);
  const hash = createHash('sha256');
  const problems: string[] = [];
  const tensors: StoredTensor[] = [];
  const { files, places } = await weightFiles(directory);
  for (const file of files) {
    for (const tensor of await scanFile(resolve(directory, file), hash)) {
      const place = places?.get(tensor.name);
      if (places !== undefined && place !== file) {
        problems.push(
          `tensor '${tensor.name}' is in ${file}, ` +
            (place === undefined ? `and not in ${indexFile}` : `where ${indexFile} says ${place}`),
        );
      }
      tensors.push(tensor);
    }
  }
  const here = new Set(tensors.map(({ name }) => name));
  for (const [name, file] of places ?? []) {
    if (!here.has(name)) problems.push(`tensor '${name}' is not in ${file}, where ${indexFile} says it is`);
  }
  const names = tensorNames(config, [...here]);
  const weights = new Map(
    tensors.flatMap((tensor) => {
      const name = names.get(tensor.name);
      return name === undefined ? [] : [[name, { ...tensor, name }] as const];
    }),
  );
  problems.push(...mismatches(decoderTensors(config), weights));
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

/** The files that hold weights, sorted, and which tensor each holds where an index says so. */
async function weightFiles(
  directory: string,
): Promise<{ readonly files: readonly string[]; readonly places?: ReadonlyMap<string, string> }> {
  if (await exists(join(directory, weightsFile))) return { files: [weightsFile] };
  const path = join(directory, indexFile);
  if (!(await exists(path))) {
    throw new ModelError(
      directory,
      `has neither ${weightsFile} nor ${indexFile}; weights in other formats have to be converted first`,
    );
  }
  const parsed = indexSchema.safeParse(await readJson(path));
  if (!parsed.success) throw new ModelError(path, 'has no weight_map of tensor names to files');
  const places = new Map(Object.entries(parsed.data.weight_map));
  const outside = [...places.values()].find((file) => !/^[^/\\]+\.safetensors$/.test(file));
  if (outside !== undefined) throw new ModelError(path, `names '${outside}', which is no *.safetensors file beside it`);
  return { files: [...new Set(places.values())].sort(), places };
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

/** What keeps the tensors found from being those expected: each one present in its shape, and no other. */
function mismatches(expected: readonly TensorShape[], found: ReadonlyMap<string, Weight>): readonly string[] {
  const names = new Set(expected.map(({ name }) => name));
  return [
    ...expected.flatMap(({ name, shape }) => {
      const tensor = found.get(name);
      if (tensor === undefined) return [`tensor '${name}' [${shape.join()}] is missing`];
      if (tensor.shape.join() === shape.join()) return [];
      return [`tensor '${name}' is [${tensor.shape.join()}], config.json asks for [${shape.join()}]`];
    }),
    ...[...found.keys()]
      .filter((name) => !names.has(name))
      .map((name) => `tensor '${name}' has no place in this architecture`),
  ];
}
