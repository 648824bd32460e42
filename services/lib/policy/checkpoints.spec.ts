/** Checkpoints as they are on the Hub have the log-probabilities that transformers computes from them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { readDecoderModel, sizeOf } from '@gapo/model';
import { z } from 'zod';
import { logitsOf } from './referenceDecoder.fixture.js';

const values = new URL('../../../../test/oracle/values/checkpoints.json', import.meta.url);
const tensor = z.object({
  name: z.string(),
  shape: z.array(z.int()),
  seed: z.int(),
  offset: z.int(),
  dtype: z.literal('BOOL').optional(),
  file: z.string().default('model.safetensors'),
});
type Tensor = z.output<typeof tensor>;
/** Written by test/oracle/torch/checkpoints.py. */
const { ids, checkpoints } = z
  .object({
    ids: z.array(z.int()),
    checkpoints: z.array(
      z.object({
        name: z.string(),
        config: z.record(z.string(), z.unknown()),
        tensors: z.array(tensor),
        index: z.record(z.string(), z.string()).optional(),
        logprobs: z.array(z.number()),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(values, 'utf8')));

/** The bytes of a tensor, whose elements follow the formula of the script. */
function bytesOf({ shape, seed, offset, dtype }: Tensor): Uint8Array {
  const elements = Array.from(
    { length: sizeOf(shape) },
    (_, i) => offset + 0.5 * Math.sin(seed * 12.9898 + i * 78.233),
  );
  if (dtype === 'BOOL') return Uint8Array.from(elements, (x) => Number(x > 0));
  return new Uint8Array(Float32Array.from(elements).buffer);
}

/** Encodes tensors of any type, in the given order. */
function safetensors(tensors: readonly Tensor[]): Uint8Array {
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

async function written(t: TestContext, { config, tensors, index }: (typeof checkpoints)[number]): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'gapo-checkpoint-'));
  t.after(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, 'config.json'), JSON.stringify(config));
  for (const file of new Set(tensors.map((one) => one.file))) {
    await writeFile(join(directory, file), safetensors(tensors.filter((one) => one.file === file)));
  }
  if (index !== undefined) {
    await writeFile(join(directory, 'model.safetensors.index.json'), JSON.stringify({ weight_map: index }));
  }
  return directory;
}

/** ln softmax(row) of a token. */
function logprob(row: Float32Array, token: number): number {
  const largest = Math.max(...row);
  return (row[token] ?? NaN) - largest - Math.log(row.reduce((sum, x) => sum + Math.exp(x - largest), 0));
}

describe('a checkpoint has the log-probabilities of transformers:', () => {
  for (const checkpoint of checkpoints) {
    test(checkpoint.name, async (t) => {
      const model = await readDecoderModel(await written(t, checkpoint));
      const logits = await logitsOf(model, ids, ids.length); // [T, V]
      const rows = checkpoint.logprobs.map((_, i) => logits.subarray(i * 19, (i + 1) * 19));
      const found = rows.map((row, i) => logprob(row, ids[i + 1] ?? NaN));
      checkpoint.logprobs.forEach((expected, i) =>
        assert.ok(Math.abs((found[i] ?? NaN) - expected) < 1e-4, `token ${i + 1}: ${found[i]}, not ${expected}`),
      );
    });
  }
});
