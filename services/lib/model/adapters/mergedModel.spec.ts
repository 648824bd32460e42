import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { at, f32, required } from '@gapo/numeric';
import { llamaConfig, toHuggingFaceConfig } from '../architectures/llama.js';
import { tinyShape } from '../testing.fixture.js';
import { roundedForHalves, writeShards, writeTensors } from '../weights/checkpointFiles.fixture.js';
import { type FloatDtype, fromFloat32, toFloat32 } from '../weights/floats.js';
import { type DecoderModel, readDecoderModel } from '../weights/modelDirectory.js';
import { elementsOf } from '../weights/storedTensors.js';
import { configWithDtype, writeMergedModel } from './mergedModel.js';
import { initialTensors, randomDecoder } from './trainable.js';

const shape = tinyShape();
const config = llamaConfig(shape);
const lora = { rank: 2, alpha: 3, targets: ['down_proj'] };
const tensors = initialTensors(config, { lora, valueHeads: 0 }, 1, new Map()).map(({ name, shape, data }, t) => ({
  name,
  shape,
  data: data.map((_, i) => Math.sin(i + t)),
}));
const base = randomDecoder(config, 1).map((tensor) => ({ ...tensor, data: roundedForHalves(tensor.data) }));
const merged = 'model.layers.0.mlp.down_proj.weight';

/** W + 1.5 · B·A of the one module with an adapter: W [8, 12], A [2, 12], B [8, 2]. */
const expected = (dtype: FloatDtype): ReadonlyMap<string, Float32Array> => {
  const [a, b] = [at(tensors, 0), at(tensors, 1)];
  return new Map(
    base.map(({ name, data }) => {
      if (name !== merged) return [name, data];
      const sums = data.map((w, index) => {
        const [o, i] = [Math.floor(index / 12), index % 12];
        let sum = 0;
        for (let r = 0; r < 2; r++) sum += f32(b.data, 2 * o + r) * f32(a.data, 12 * r + i);
        return w + 1.5 * sum;
      });
      return [name, toFloat32(fromFloat32(sums, dtype), dtype)];
    }),
  );
};

let root = '';
let count = 0;
before(async () => void (root = await mkdtemp(join(tmpdir(), 'gapo-merged-'))));
after(() => rm(root, { recursive: true }));

async function model(dtypes: readonly FloatDtype[]): Promise<DecoderModel> {
  const path = join(root, String(count++));
  await mkdir(path);
  const json = { ...toHuggingFaceConfig(shape, 'LlamaForCausalLM'), torch_dtype: 'bfloat16' };
  await writeFile(join(path, 'config.json'), JSON.stringify(json));
  if (dtypes.length === 1) await writeTensors(join(path, 'model.safetensors'), base, at(dtypes, 0));
  else await writeShards(path, base, dtypes);
  return readDecoderModel(path);
}

const json = async (path: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;

describe('a model with its adapter merged', () => {
  for (const dtypes of [['F32'], ['BF16'], ['BF16', 'F16', 'F32']] as const) {
    test(`has the files and the element types of the model in ${dtypes.join(', ')}`, async () => {
      const from = await model(dtypes);
      const out = join(root, String(count++));
      const names = await writeMergedModel(from, { lora, tensors }, out);
      assert.deepEqual((await readdir(out)).sort(), [...names].sort());
      assert.deepEqual([...names].sort(), (await readdir(from.directory)).sort());
      const found = await readDecoderModel(out);
      for (const { name } of base) {
        const [before, after] = [from.weights.get(name), found.weights.get(name)];
        assert.ok(before && 'dtype' in before && after && 'dtype' in after, name);
        assert.equal(after.dtype, before.dtype);
        assert.deepEqual(elementsOf(after), expected(before.dtype).get(name), name);
      }
      assert.equal((await json(join(out, 'config.json')))['torch_dtype'], 'bfloat16');
    });
  }

  test('is float32 on request, in its config.json too', async () => {
    const out = join(root, String(count++));
    await writeMergedModel(await model(['BF16', 'BF16']), { lora, tensors }, out, { dtype: 'F32' });
    const { weights } = await readDecoderModel(out);
    for (const [name, data] of expected('F32')) assert.deepEqual(elementsOf(required(weights.get(name), name)), data);
    assert.equal((await json(join(out, 'config.json')))['torch_dtype'], 'float32');
    const { metadata } = await json(join(out, 'model.safetensors.index.json'));
    const elements = base.reduce((total, { data }) => total + data.length, 0);
    assert.deepEqual(metadata, { total_size: 4 * elements });
  });

  test('keeps the numbers of config.json as they are written', async () => {
    const { directory, config } = await model(['BF16']);
    const path = join(directory, 'config.json');
    const text = await readFile(path, 'utf8');
    const cap = '"final_logit_softcapping": 30.0';
    await writeFile(path, text.replace('{', `{ ${cap}, "initializer_range": 2e-02,`));
    const written = Buffer.from(await configWithDtype({ directory, config }, 'F32')).toString('utf8');
    assert.ok(written.includes(cap) && written.includes('"initializer_range": 2e-02'), written);
    assert.ok(written.includes('"torch_dtype": "float32"') && written.includes('"num_hidden_layers": 1'), written);
  });

  test('is refused if a sum overflows the element type, and leaves no files', async () => {
    const out = join(root, String(count++));
    const large = tensors.map((tensor) => ({ ...tensor, data: tensor.data.map((x) => x * 1000) }));
    await assert.rejects(
      writeMergedModel(await model(['F16']), { lora, tensors: large }, out),
      /ModelError: .*tensor '.*down_proj\.weight' with its adapter: a number overflows F16; write float32/,
    );
    assert.deepEqual(await readdir(out), []);
  });
});
