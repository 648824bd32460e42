/**
 * Weights as graphs read them in place: float32, all in one directory. F32 checkpoints are that already. Others are
 * widened once into a cache that every process of the machine maps, keyed by the weights' SHA-256.
 */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { UserError, writeAtomically } from '@gapo/service';
import { ModelError } from './errors.js';
import type { DecoderModel } from './modelDirectory.js';
import { encodeHeader, toFloat32 } from './safetensors.js';
import { type StoredTensor, type Weight, openFile, pieces } from './weights.js';

/** Whether a graph can read a weight where it lies. */
export function isWide(weight: Weight): weight is StoredTensor & { readonly dtype: 'F32' } {
  return 'path' in weight && weight.dtype === 'F32' && weight.offset % Float32Array.BYTES_PER_ELEMENT === 0;
}

/**
 * The model with every weight float32 in a file. Where some are not, all are written to CACHE/<sha256>.safetensors
 * unless they are there; whole or not at all, so that several processes may do it at a time.
 * @throws UserError where the cache cannot be written.
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
      for await (const bytes of pieces(source, offset, length)) {
        const wide = toFloat32(bytes, dtype);
        yield new Uint8Array(wide.buffer, wide.byteOffset, wide.byteLength);
      }
    } finally {
      await source.close();
    }
  }
}
