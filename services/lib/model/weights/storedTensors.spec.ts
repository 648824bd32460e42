import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { at } from '@gapo/numeric';
import { randomDecoder } from '../adapters/trainable.js';
import { llamaConfig, toHuggingFaceConfig } from '../architectures/llama.js';
import { refused } from '../refusal.fixture.js';
import { tinyShape } from '../testing.fixture.js';
import { roundedForHalves, writeShards, writeTensors } from './checkpointFiles.fixture.js';
import type { FloatDtype } from './floats.js';
import { type DecoderModel, readDecoderModel } from './modelDirectory.js';
import { elementsOf } from './storedTensors.js';
import type { NamedTensor } from './tensors.js';
import { isWide, withWideWeights } from './wideWeights.js';

const shape = tinyShape({ layers: 2, tiedEmbeddings: false });
const tensors = randomDecoder(llamaConfig(shape), 1).map((tensor) => ({
  ...tensor,
  data: roundedForHalves(tensor.data),
}));

let root = '';
let count = 0;
before(async () => void (root = await mkdtemp(join(tmpdir(), 'gapo-weights-'))));
after(() => rm(root, { recursive: true }));

async function directory(): Promise<string> {
  const path = join(root, String(count++));
  await mkdir(path);
  await writeFile(join(path, 'config.json'), JSON.stringify(toHuggingFaceConfig(shape, 'LlamaForCausalLM')));
  return path;
}

function assertHolds({ weights }: DecoderModel, expected: readonly NamedTensor[]): void {
  assert.deepEqual([...weights.values()].map(({ name }) => name).sort(), expected.map(({ name }) => name).sort());
  for (const { name, shape, data } of expected) {
    const weight = weights.get(name);
    assert.ok(weight !== undefined);
    assert.deepEqual(weight.shape, shape);
    assert.deepEqual(elementsOf(weight), data, name);
  }
}

describe('weights', () => {
  for (const dtypes of [['F32'], ['BF16'], ['F16'], ['BF16', 'F32', 'F16']] as const) {
    test(`in ${dtypes.join(', ')} are those that were written, in one file or in shards`, async () => {
      const path = await directory();
      if (dtypes.length === 1) await writeTensors(join(path, 'model.safetensors'), tensors, dtypes[0]);
      else await writeShards(path, tensors, dtypes);
      const model = await readDecoderModel(path);
      assertHolds(model, tensors);
      const cache = join(path, 'cache');
      const wide = await withWideWeights(model, cache);
      assertHolds(wide, tensors);
      assert.ok([...wide.weights.values()].every(isWide));
      const written = await readdir(cache).catch(() => []);
      assert.deepEqual(written, dtypes.join() === 'F32' ? [] : [`${model.sha256}.safetensors`]);
    });
  }

  test('are widened once; an incomplete cache is written again', async () => {
    const path = await directory();
    await writeTensors(join(path, 'model.safetensors'), tensors, 'BF16');
    const model = await readDecoderModel(path);
    const cache = join(path, 'cache');
    await Promise.all([withWideWeights(model, cache), withWideWeights(model, cache)]);
    const file = join(cache, `${model.sha256}.safetensors`);
    const whole = await readFile(file);
    const before = new Date(1e12);
    await utimes(file, before, before);
    await withWideWeights(model, cache);
    assert.deepEqual((await stat(file)).mtime, before, 'it was reused');
    await writeFile(file, whole.subarray(0, 1000));
    assertHolds(await withWideWeights(model, cache), tensors);
    assert.deepEqual(await readFile(file), whole);
    assert.deepEqual(await readdir(cache), [`${model.sha256}.safetensors`], 'nothing half-written is left');
  });

  test('that cannot be widened are refused with the place and the size', async () => {
    const path = await directory();
    await writeTensors(join(path, 'model.safetensors'), tensors, 'BF16');
    await writeFile(join(path, 'file'), '');
    await assert.rejects(withWideWeights(await readDecoderModel(path), join(path, 'file')), {
      name: 'UserError',
      message:
        /file\/[0-9a-f]{64}\.safetensors: cannot be written: .*; .* widened there once, 0\.0 GB: name a directory/,
    });
  });

  test('of a trunk alone, with buffers and a tied head in the file, are found by their names', async () => {
    const path = await directory();
    const config = { ...toHuggingFaceConfig(shape, 'LlamaModel'), tie_word_embeddings: true };
    await writeFile(join(path, 'config.json'), JSON.stringify(config));
    const trunk = tensors.filter(({ name }) => name !== 'lm_head.weight');
    const bare = trunk.map((tensor) => ({ ...tensor, name: tensor.name.replace(/^model\./, '') }));
    const buffers = [0, 1].map((layer) => ({
      name: `layers.${layer}.self_attn.rotary_emb.inv_freq`,
      shape: [1],
      data: Float32Array.of(1),
    }));
    const head = { ...at(tensors, 0), name: 'lm_head.weight' };
    await writeTensors(join(path, 'model.safetensors'), [...bare, ...buffers, head], 'F32');
    assertHolds(await readDecoderModel(path), trunk);
  });

  test('are refused with every tensor that is missing, surplus or misshapen', async () => {
    const path = await directory();
    const wrong = tensors
      .filter(({ name }) => !name.startsWith('model.layers.1.mlp'))
      .map((tensor) => (tensor.name === 'model.norm.weight' ? { ...tensor, shape: [4, 2] } : tensor));
    const surplus = { name: 'model.layers.2.mlp.up_proj.weight', shape: [1], data: Float32Array.of(1) };
    await writeTensors(join(path, 'model.safetensors'), [...wrong, surplus], 'F32');
    await refused(
      readDecoderModel(path),
      new RegExp(
        [
          "'model.layers.1.mlp.gate_proj.weight' \\[12,8\\] is missing",
          "'model.layers.1.mlp.up_proj.weight' \\[12,8\\] is missing",
          "'model.layers.1.mlp.down_proj.weight' \\[8,12\\] is missing",
          "'model.norm.weight' is \\[4,2\\], config.json expects \\[8\\]",
          "'model.layers.2.mlp.up_proj.weight' is not part of this architecture",
        ].join('; tensor '),
      ),
    );
  });

  test('whose index and files disagree are refused by both names', async () => {
    const path = await directory();
    await writeShards(path, tensors, ['BF16', 'BF16']);
    const index = join(path, 'model.safetensors.index.json');
    const { weight_map: map } = JSON.parse(await readFile(index, 'utf8')) as { weight_map: Record<string, string> };
    const [first, second] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
    const write = (weightMap: object): Promise<void> => writeFile(index, JSON.stringify({ weight_map: weightMap }));
    await write({ ...map, 'model.norm.weight': map['model.norm.weight'] === first ? second : first });
    await refused(readDecoderModel(path), /'model\.norm\.weight' is in model-0000. ?.*but model.*index\.json says/);
    await write({ ...map, 'model.extra': first });
    await refused(readDecoderModel(path), /'model\.extra' is not in model-00001-of-00002\.safetensors, but/);
    await write({ ...map, 'model.norm.weight': '../elsewhere.safetensors' });
    await refused(readDecoderModel(path), /names '\.\.\/elsewhere\.safetensors', which is not a \*\.safetensors file/);
    await write(map);
    await rm(join(path, second));
    await refused(readDecoderModel(path), /model-00002-of-00002\.safetensors: does not exist/);
  });

  for (const dtype of ['F32', 'BF16', 'F16'] satisfies FloatDtype[]) {
    test(`with a number that is not finite in ${dtype} are refused by the tensor’s name`, async () => {
      const path = await directory();
      const file = join(path, 'model.safetensors');
      await writeTensors(file, tensors, dtype);
      const bytes = await readFile(file);
      const last = bytes.byteLength - (dtype === 'F32' ? 4 : 2);
      if (dtype === 'F32') bytes.writeUInt32LE(0x7fc00000, last);
      else bytes.writeUInt16LE(dtype === 'BF16' ? 0xff80 : 0xfc00, last);
      await writeFile(file, bytes);
      await refused(readDecoderModel(path), /tensor 'lm_head\.weight' has (NaN|-Infinity), which is not finite/);
    });
  }
});
