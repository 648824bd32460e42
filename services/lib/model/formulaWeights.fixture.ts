/** Weights that are functions of their tensor's name, computed the same way as in test/oracle/torch/architectures.py. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DecoderConfig } from './decoderConfig.js';
import { type TensorShape, decoderTensors, neutralGain } from './decoderLayout.js';
import { readDecoderConfig } from './huggingFaceConfig.js';
import { writeSafetensors } from './weights/safetensors.js';
import { type NamedTensor, sizeOf } from './weights/tensors.js';

/** Numbers in [−1, 1): the hash of each index, from the hash of the name (FNV-1a, then the finalizer of MurmurHash3). */
export function formulaUniform(name: string, size: number): Float64Array {
  let seed = 0x811c9dc5;
  for (const byte of Buffer.from(name)) seed = Math.imul(seed ^ byte, 0x01000193);
  return Float64Array.from({ length: size }, (_, index) => {
    let x = Math.imul(index, 0x9e3779b9) + seed;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return ((x ^ (x >>> 16)) >>> 0) / 2 ** 31 - 1;
  });
}

/** One of a decoder's weights, with values large enough that distributions are far from uniform. */
export function formulaTensor(config: DecoderConfig, { name, shape }: TensorShape): NamedTensor {
  const offset = shape.length === 1 && name.endsWith('.weight') ? neutralGain(config) : 0;
  const factor = shape.length === 1 ? 0.5 : 0.7;
  return { name, shape, data: Float32Array.from(formulaUniform(name, sizeOf(shape)), (x) => offset + factor * x) };
}

/** Writes a config.json and its weights. */
export async function writeFormulaCheckpoint(
  directory: string,
  json: Readonly<Record<string, unknown>>,
): Promise<readonly NamedTensor[]> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'config.json'), JSON.stringify(json));
  const config = await readDecoderConfig(directory);
  const tensors = decoderTensors(config).map((tensor) => formulaTensor(config, tensor));
  await writeSafetensors(join(directory, 'model.safetensors'), tensors);
  return tensors;
}
