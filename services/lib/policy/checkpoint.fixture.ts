/** Writes the checkpoints of test/oracle/checkpoint.py, whose elements follow a formula. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sizeOf } from '@gapo/model';
import { z } from 'zod';

/** A tensor of a described checkpoint. */
export const describedTensor = z.object({
  name: z.string(),
  shape: z.array(z.int()),
  seed: z.int(),
  offset: z.int(),
  dtype: z.literal('BOOL').optional(),
  file: z.string().default('model.safetensors'),
});
type DescribedTensor = z.output<typeof describedTensor>;

/** Writes the tensors into their files in a directory, and a JSON file next to them. */
export async function writeDescribed(
  directory: string,
  tensors: readonly DescribedTensor[],
  json: { readonly file: string; readonly content: object },
): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, json.file), JSON.stringify(json.content));
  for (const file of new Set(tensors.map((one) => one.file))) {
    await writeFile(join(directory, file), safetensors(tensors.filter((one) => one.file === file)));
  }
}

/** Encodes tensors of any type, in the given order. */
function safetensors(tensors: readonly DescribedTensor[]): Uint8Array {
  let end = 0;
  const data = tensors.map(bytesOf);
  const entries = tensors.map(({ name, shape, dtype = 'F32' }, i) => {
    const start = end;
    end += data[i]?.byteLength ?? 0;
    return [name, { dtype, shape, data_offsets: [start, end] }];
  });
  const json = JSON.stringify({ __metadata__: { format: 'pt' }, ...(Object.fromEntries(entries) as object) });
  const header = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.byteLength));
  return Buffer.concat([length, header, ...data]);
}

function bytesOf({ shape, seed, offset, dtype }: DescribedTensor): Uint8Array {
  const elements = Array.from(
    { length: sizeOf(shape) },
    (_, i) => offset + 0.5 * Math.sin(seed * 12.9898 + i * 78.233),
  );
  if (dtype === 'BOOL') return Uint8Array.from(elements, (x) => Number(x > 0));
  return new Uint8Array(Float32Array.from(elements).buffer);
}

/**
 * Returns ln softmax(row) of each token except the first, from the row of logits [T, V] before it.
 */
export function logprobsOf(logits: Float32Array, ids: readonly number[]): readonly number[] {
  const vocabulary = logits.length / ids.length;
  return ids.slice(1).map((token, t) => {
    const row = logits.subarray(t * vocabulary, (t + 1) * vocabulary);
    const largest = Math.max(...row);
    return (row[token] ?? NaN) - largest - Math.log(row.reduce((sum, x) => sum + Math.exp(x - largest), 0));
  });
}
