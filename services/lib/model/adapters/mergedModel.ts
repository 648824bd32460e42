/** Writes models with an adapter merged into their weights, as a directory that every loader of the model can read. */
import { basename, join } from 'node:path';
import { f32, f64, required } from '@gapo/numeric';
import { type FileContent, writeAllAtomically } from '@gapo/service';
import { configText, readConfigToWrite } from '../configJson.js';
import { decoderLayout, linearModules } from '../decoderLayout.js';
import { ModelError } from '../errors.js';
import { readBytes } from '../files.js';
import { bytesPerElement, type FloatDtype, fromFloat32 } from '../weights/floats.js';
import type { DecoderModel } from '../weights/modelDirectory.js';
import { encodeHeader } from '../weights/safetensors.js';
import { type StoredTensor, type Weight, elementsOf } from '../weights/storedTensors.js';
import { sizeOf } from '../weights/tensors.js';
import type { Adapter } from './peft.js';
import { adapterName, adapterOf } from './trainable.js';

/** Options of {@link writeMergedModel}. */
export interface MergedOptions {
  /** The element type of every weight. @default each weight's own */
  readonly dtype?: FloatDtype;
}

const configFile = 'config.json';
/** Whether the output projection is the embedding table. */
const tieKey = 'tie_word_embeddings';
const indexFile = 'model.safetensors.index.json';
const configNames: Readonly<Record<FloatDtype, string>> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' };

/** Returns the names of the files that {@link writeMergedModel} writes. */
export function mergedFiles({ weights }: DecoderModel): readonly string[] {
  const files = [...weights.values()].flatMap((weight) => ('path' in weight ? [basename(weight.path)] : []));
  const names = [...new Set(files)];
  return [...names, configFile, ...(needIndex(names) ? [indexFile] : [])];
}

/**
 * Writes a model's weights with the adapter merged, W + (alpha / rank)·B·A, its config.json, and an index unless all weights
 * are in model.safetensors. Sums are in float64 and rounded once, to each weight's element type. All files are written
 * atomically. The caller copies the tokenizer and the other files of the model's directory.
 *
 * @returns the names of the files
 * @throws ModelError if a sum overflows its element type; UserError if a file cannot be written
 */
export async function writeMergedModel(
  model: DecoderModel,
  adapter: Adapter,
  out: string,
  options: MergedOptions = {},
): Promise<readonly string[]> {
  const weights = [...model.weights.values()].filter((weight): weight is StoredTensor => 'path' in weight);
  const files = new Map<string, StoredTensor[]>();
  for (const weight of weights) {
    const name = basename(weight.path);
    files.set(name, [...(files.get(name) ?? []), weight]);
  }
  const merged = merger(model, adapter);
  const contents = new Map<string, FileContent>();
  for (const [name, own] of files) contents.set(name, mergedFile(own, merged, options));
  contents.set(configFile, await configWithDtype(model, options.dtype));
  if (needIndex([...files.keys()])) {
    const total = weights.reduce(
      (sum, { shape, dtype }) => sum + sizeOf(shape) * bytesPerElement[options.dtype ?? dtype],
      0,
    );
    const map = Object.fromEntries(weights.map(({ name, path }) => [name, basename(path)]));
    const index = { metadata: { total_size: total }, weight_map: map };
    contents.set(indexFile, `${JSON.stringify(index, null, 2)}\n`);
  }
  await writeAllAtomically(new Map([...contents].map(([name, content]) => [join(out, name), content])));
  return [...contents.keys()];
}

/** Whether loaders find weight files with these names only through an index. */
function needIndex(files: readonly string[]): boolean {
  return files.some((name) => name !== 'model.safetensors');
}

/**
 * Yields the bytes of one safetensors file of a merged model, one tensor at a time.
 *
 * @throws ModelError if a sum overflows its element type
 */
function* mergedFile(
  weights: readonly StoredTensor[],
  merged: (weight: Weight) => Float32Array,
  { dtype }: MergedOptions,
): Generator<Uint8Array> {
  const entries = weights.map(({ name, shape, dtype: own }) => ({
    name,
    shape,
    dtype: dtype ?? own,
    length: sizeOf(shape) * bytesPerElement[dtype ?? own],
  }));
  yield encodeHeader(entries);
  for (const weight of weights) {
    try {
      yield fromFloat32(merged(weight), dtype ?? weight.dtype);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new ModelError(weight.path, `tensor '${weight.name}' with its adapter: ${error.message}; write float32`);
    }
  }
}

/** Returns a function that computes the elements of a weight with its adapter merged, if it has one. */
export function merger({ config }: DecoderModel, { lora, tensors }: Adapter): (weight: Weight) => Float32Array {
  const modules = new Map(
    decoderLayout(config)
      .layers.flatMap((layer) => linearModules(layer))
      .map((module) => [`${module.name}.weight`, module]),
  );
  const parts = new Map(tensors.map(({ name, data }) => [name, data]));
  return (weight) => {
    const module = modules.get(weight.name);
    const data = 'data' in weight ? weight.data.slice() : elementsOf(weight);
    const adapter = module && adapterOf(lora, module.name);
    if (module === undefined || adapter === undefined) return data;
    const { name, into, out, inOut } = module;
    const { rank, scale } = adapter;
    const a = required(parts.get(adapterName(name, 'A')), adapterName(name, 'A')); // [rank, in]
    const b = required(parts.get(adapterName(name, 'B')), adapterName(name, 'B')); // [out, rank]
    const sums = new Float64Array(into);
    for (let o = 0; o < out; o++) {
      sums.fill(0);
      for (let r = 0; r < rank; r++) {
        const factor = f32(b, o * rank + r);
        for (let i = 0; i < into; i++) sums[i] = f64(sums, i) + factor * f32(a, r * into + i);
      }
      for (let i = 0; i < into; i++) {
        const index = inOut ? i * out + o : o * into + i;
        data[index] = f32(data, index) + scale * f64(sums, i);
      }
    }
    return data;
  };
}

/**
 * Returns a model's config.json for weights of another element type. It states whether the output projection is tied to the
 * embeddings, because the model's own file may claim so although the two differ.
 */
export async function configWithDtype(
  { directory, config }: Pick<DecoderModel, 'directory' | 'config'>,
  dtype: FloatDtype | undefined,
): Promise<Uint8Array> {
  const path = join(directory, configFile);
  const found = await readConfigToWrite(path);
  const untied = config.tiedEmbeddings || found[tieKey] === false ? {} : { [tieKey]: false };
  if (dtype === undefined && !(tieKey in untied)) return readBytes(path);
  const written = { ...(dtype === undefined ? found : withDtype(found, dtype)), ...untied };
  return Buffer.from(configText(written));
}

function withDtype(config: Readonly<Record<string, unknown>>, dtype: FloatDtype): Record<string, unknown> {
  return { ...config, ['dtype' in config ? 'dtype' : 'torch_dtype']: configNames[dtype] };
}

/**
 * Returns the config.json of a decoder's sequence classifier with one label, in float32.
 *
 * @throws ModelError if transformers has no such classifier
 */
export async function sequenceClassifierConfig({
  directory,
  config,
}: DecoderModel): Promise<Readonly<Record<string, unknown>>> {
  const path = join(directory, configFile);
  const found = await readConfigToWrite(path);
  const { classifier } = config.names;
  if (classifier === undefined) {
    const type = JSON.stringify(found['model_type']);
    throw new ModelError(
      path,
      `transformers has no classifiers of model_type ${type}; start from another architecture`,
    );
  }
  return {
    max_position_embeddings: config.context, // GPT-2 calls it n_positions, and reads this name too
    ...withDtype(found, 'F32'),
    architectures: [classifier],
    num_labels: 1,
  };
}
