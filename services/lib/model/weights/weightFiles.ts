/** Finds the safetensors files of a model directory, and the file of each tensor. */
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { ModelError } from '../errors.js';
import { readJson } from '../files.js';
import { type AnyStoredTensor, haveSameBytes, readEntries } from './storedTensors.js';

const weightsFile = 'model.safetensors';
const indexFile = 'model.safetensors.index.json';
const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/** The weight files of a directory. */
interface WeightFiles {
  /** Sorted. */
  readonly files: readonly string[];
  /** The file of each tensor according to the index, if there is one. */
  readonly fileOf?: ReadonlyMap<string, string>;
}

/** The tensors of a directory by their names in its files. */
export interface FoundTensors {
  /** Absolute paths, in order of name. */
  readonly paths: readonly string[];
  readonly tensors: ReadonlyMap<string, AnyStoredTensor>;
  /** Names in the index that are missing from the file it names. */
  readonly absent: ReadonlyMap<string, string>;
  /** All other disagreements between the index and the files. */
  readonly problems: readonly string[];
}

/**
 * Reads the headers of a directory's weight files: model.safetensors, the files named in model.safetensors.index.json, or a
 * complete set of numbered shards.
 *
 * @returns undefined if the directory has no weights in any format
 * @throws ModelError if its weights are in another format, or a file is missing or damaged
 */
export async function findTensors(directory: string): Promise<FoundTensors | undefined> {
  const found = await weightFiles(directory);
  if (found === undefined) return undefined;
  const { files, fileOf } = found;
  const tensors = new Map<string, AnyStoredTensor>();
  const fileOfTensor = new Map<string, string>();
  const problems: string[] = [];
  for (const file of files) {
    for (const tensor of await readEntries(resolve(directory, file))) {
      const { name } = tensor;
      const other = tensors.get(name);
      if (other !== undefined && !(await haveSameBytes(tensor, other))) {
        problems.push(`tensor '${name}' is in ${fileOfTensor.get(name) ?? ''} and in ${file}, with other values`);
      }
      if (other === undefined || fileOf?.get(name) === file) {
        tensors.set(name, tensor);
        fileOfTensor.set(name, file);
      }
    }
  }
  const absent = new Map<string, string>();
  for (const [name, file] of fileOf ?? []) {
    const actual = fileOfTensor.get(name);
    if (actual === undefined) absent.set(name, `tensor '${name}' is not in ${file}, but ${indexFile} says it is`);
    else if (actual !== file) problems.push(`tensor '${name}' is in ${actual}, but ${indexFile} says ${file}`);
  }
  return { paths: files.map((file) => resolve(directory, file)), tensors, absent, problems };
}

/** @throws ModelError if there are weights, but not as safetensors, or the index is invalid */
async function weightFiles(directory: string): Promise<WeightFiles | undefined> {
  const names = (await readdir(directory)).sort();
  if (names.includes(weightsFile)) return { files: [weightsFile] };
  if (names.includes(indexFile)) return indexed(join(directory, indexFile));
  const shards = numberedShards(names);
  if (shards !== undefined) return { files: shards };
  const others = names.filter((name) => /\.(safetensors|bin|pt|pth|ckpt|gguf|ggml|h5|msgpack|npz)$/.test(name));
  if (others.length === 0) return undefined;
  const advice = others.includes('adapter_model.safetensors')
    ? 'it is an adapter: name it as policy.adapter, and its base model as policy.model'
    : others.some((name) => name.endsWith('.safetensors'))
      ? `rename the file to ${weightsFile}, or write the index`
      : "convert the weights with transformers' from_pretrained() and save_pretrained()";
  throw new ModelError(
    directory,
    `has neither ${weightsFile} nor ${indexFile}, but ${others.slice(0, 4).join(', ')}; ${advice}`,
  );
}

/** @throws ModelError if it does not name files in the same directory */
async function indexed(path: string): Promise<WeightFiles> {
  const parsed = indexSchema.safeParse(await readJson(path));
  if (!parsed.success) throw new ModelError(path, 'has no weight_map of tensor names to files');
  const fileOf = new Map(Object.entries(parsed.data.weight_map));
  const outside = [...fileOf.values()].find((file) => !/^[^/\\]+\.safetensors$/.test(file));
  if (outside !== undefined)
    throw new ModelError(path, `names '${outside}', which is not a *.safetensors file beside it`);
  return { files: [...new Set(fileOf.values())].sort(), fileOf };
}

/** Returns the only complete set of files such as model-00001-of-00002.safetensors. */
function numberedShards(names: readonly string[]): readonly string[] | undefined {
  const sets = new Map<string, string[]>();
  for (const name of names) {
    const [, stem, count] = /^(.*)-\d{5}-of-(\d{5})\.safetensors$/.exec(name) ?? [];
    if (stem !== undefined && count !== undefined) {
      const key = `${stem}-of-${count}`;
      sets.set(key, [...(sets.get(key) ?? []), name]);
    }
  }
  const complete = [...sets].filter(([key, files]) => files.length === Number(key.slice(-5))).map(([, files]) => files);
  return complete.length === 1 ? complete[0] : undefined;
}
