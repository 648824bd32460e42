/**
 * Float32 weights, which graphs map from their files. F32 checkpoints are used in place. Other types are widened once
 * into a cache keyed by the weights' SHA-256, which all processes on the machine share.
 */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { UserError, writeAtomically } from '@gapo/service';
import { ModelError } from '../errors.js';
import { openFile } from '../files.js';
import { toFloat32 } from './floats.js';
import type { DecoderModel } from './modelDirectory.js';
import { encodeHeader } from './safetensors.js';
import { type StoredTensor, type Weight, chunks } from './storedTensors.js';
import { bytesOf } from './tensors.js';

/** Whether a graph can map a weight from its file without conversion. */
export function isWide(weight: Weight): weight is StoredTensor & { readonly dtype: 'F32' } {
  return 'path' in weight && weight.dtype === 'F32' && weight.offset % Float32Array.BYTES_PER_ELEMENT === 0;
}

/**
 * Returns the model with every weight as float32 in a file. If some have another type, all of them are written to
 * CACHE/<sha256>.safetensors unless that file exists. Several processes may do this at the same time.
 *
 * @throws UserError if the cache cannot be written
 */
export async function withWideWeights(model: DecoderModel, cache: string): Promise<DecoderModel> {
  const weights = [...model.weights.values()].filter((weight): weight is StoredTensor => 'path' in weight);
  if (!weights.some((weight) => !isWide(weight))) return model;
  const path = resolve(cache, `${model.sha256}.safetensors`);
  const entries = weights.map(({ name, shape, length, dtype }) => ({
    name,
    shape,
    dtype: 'F32' as const,
    length: dtype === 'F32' ? length : 2 * length,
  }));
  const header = encodeHeader(entries);
  const size = entries.reduce((total, { length }) => total + length, header.byteLength);
  const found = await stat(path).catch(() => undefined);
  if (found?.size !== size) await writeWide(path, header, weights, size);
  let offset = header.byteLength;
  const wide = entries.map((entry): StoredTensor => {
    const placed = { ...entry, path, offset };
    offset += entry.length;
    return placed;
  });
  return { ...model, weights: new Map(wide.map((tensor) => [tensor.name, tensor])) };
}

async function writeWide(
  path: string,
  header: Uint8Array,
  weights: readonly StoredTensor[],
  size: number,
): Promise<void> {
  try {
    await writeAtomically(path, widened(header, weights));
  } catch (error) {
    if (error instanceof ModelError) throw error;
    throw new UserError(
      `${(error as Error).message}; weights that are not F32 are widened there once, ` +
        `${(size / 1e9).toFixed(1)} GB: name a directory with room for them`,
      { cause: error },
    );
  }
}

async function* widened(header: Uint8Array, weights: readonly StoredTensor[]): AsyncGenerator<Uint8Array> {
  yield header;
  for (const { path, offset, length, dtype } of weights) {
    const source = await openFile(path);
    try {
      for await (const bytes of chunks(source, offset, length)) yield bytesOf(toFloat32(bytes, dtype));
    } finally {
      await source.close();
    }
  }
}
