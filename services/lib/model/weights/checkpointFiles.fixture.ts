/** Writes checkpoints like those on the Hub: shards with an index, in any element type. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FloatDtype, fromFloat32 } from './floats.js';
import { encodeHeader } from './safetensors.js';
import { type NamedTensor } from './tensors.js';

/**
 * Rounds toward zero to numbers representable in both BF16 and F16, within [2⁻¹⁴, 2¹⁵]: 7 bits of fraction.
 */
export function roundedForHalves(data: Float32Array): Float32Array {
  const words = new Uint32Array(Float32Array.from(data).buffer).map((word) => word & 0xffff0000);
  return new Float32Array(words.buffer).map((x) => (Math.abs(x) < 2 ** -14 ? 0 : x));
}

/** Writes tensors as one safetensors file of a type. */
export async function writeTensors(path: string, tensors: readonly NamedTensor[], dtype: FloatDtype): Promise<void> {
  const bytes = tensors.map(({ data }) => fromFloat32(data, dtype));
  const entries = tensors.map(({ name, shape }, i) => ({ name, shape, dtype, length: bytes[i]?.byteLength ?? 0 }));
  await writeFile(path, Buffer.concat([encodeHeader(entries), ...bytes]));
}

/** Writes tensors as shards of different types, in round-robin order, and their index. */
export async function writeShards(
  directory: string,
  tensors: readonly NamedTensor[],
  dtypes: readonly FloatDtype[],
): Promise<void> {
  const name = (i: number): string =>
    `model-${String(i + 1).padStart(5, '0')}-of-${String(dtypes.length).padStart(5, '0')}.safetensors`;
  const shardOf = new Map(tensors.map((tensor, i) => [tensor.name, i % dtypes.length]));
  for (const [i, dtype] of dtypes.entries()) {
    await writeTensors(
      join(directory, name(i)),
      tensors.filter((tensor) => shardOf.get(tensor.name) === i),
      dtype,
    );
  }
  const weightMap = Object.fromEntries([...shardOf].map(([tensor, shard]) => [tensor, name(shard)]));
  await writeFile(join(directory, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }));
}
