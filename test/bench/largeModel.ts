/**
 * A randomly initialised Llama of TinyLlama's shape, 1.1 billion parameters, in the Hub's format: BF16 shards.
 *
 *     node test/dist/bench/largeModel.js DIRECTORY
 */
import { copyFile, mkdir, open, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type DecoderTensor,
  type LlamaShape,
  decoderTensors,
  encodeSafetensorsHeader,
  llamaConfig,
  philoxNormal,
  sizeOf,
  toHuggingFaceConfig,
} from '@gapo/model';

/** 22 layers of width 2048, 32 heads that share 4 keys, a vocabulary of 32,000. */
export const largeShape: LlamaShape = {
  vocabulary: 32_000,
  width: 2048,
  feedForward: 5632,
  layers: 22,
  heads: 32,
  keyValueHeads: 4,
  headWidth: 64,
  context: 2048,
  epsilon: 1e-5,
  ropeTheta: 10_000,
  tiedEmbeddings: false,
  bosId: 1,
  eosIds: [2],
};

const shards = 3;
/** Elements are drawn from a table of this many normal numbers: their values do not affect any figure. */
const tableSize = 1 << 16;

/** Writes the checkpoint. The tokenizer is the example's, whose ids are below the vocabulary. */
export async function writeLargeModel(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const tokenizer = fileURLToPath(new URL('../../../examples/assistant/tokenizer', import.meta.url));
  for (const name of await readdir(tokenizer)) await copyFile(join(tokenizer, name), join(directory, name));
  const json = { ...toHuggingFaceConfig(largeShape, 'LlamaForCausalLM'), torch_dtype: 'bfloat16' };
  await writeFile(join(directory, 'config.json'), JSON.stringify(json, null, 2));
  const tensors = decoderTensors(llamaConfig(largeShape));
  const normal = new Uint32Array(philoxNormal(tableSize, 1, 0, 0.02).buffer);
  const table = Uint16Array.from(normal, (word) => word >>> 16);
  const weightMap: Record<string, string> = {};
  for (let shard = 0; shard < shards; shard++) {
    const name = `model-0000${shard + 1}-of-0000${shards}.safetensors`;
    const own = tensors.filter((_, i) => Math.floor((i * shards) / tensors.length) === shard);
    const file = await open(join(directory, name), 'w');
    await file.write(
      encodeSafetensorsHeader(
        own.map(({ name, shape }) => ({ name, shape, dtype: 'BF16', length: 2 * sizeOf(shape) })),
      ),
    );
    for (const tensor of own) {
      const data = elements(tensor, table);
      await file.write(new Uint8Array(data.buffer));
      weightMap[tensor.name] = name;
    }
    await file.close();
  }
  await writeFile(join(directory, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }));
}

/** BF16: gains are 1, everything else is drawn from the table by a linear congruential generator. */
function elements({ name, shape, role }: DecoderTensor, table: Uint16Array): Uint16Array {
  const data = new Uint16Array(sizeOf(shape));
  if (role === 'gain') return data.fill(0x3f80);
  let state = Buffer.from(name).reduce((hash, byte) => (Math.imul(hash, 31) + byte) | 0, 1); // a different stream for each tensor
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    data[i] = table[state >>> 16] as number;
  }
  return data;
}

const [directory] = process.argv.slice(2);
if (directory !== undefined && process.argv[1] === fileURLToPath(import.meta.url)) await writeLargeModel(directory);
