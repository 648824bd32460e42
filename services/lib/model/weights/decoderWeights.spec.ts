/**
 * Weight files as found on the Hub: which are read, and with which errors the others are refused.
 */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { at, required } from '@gapo/numeric';
import { writeMergedModel } from '../adapters/mergedModel.js';
import { initialTensors, randomDecoder } from '../adapters/trainable.js';
import { llamaConfig, toHuggingFaceConfig } from '../architectures/llama.js';
import { refused } from '../refusal.fixture.js';
import { tinyShape } from '../testing.fixture.js';
import { writeShards } from './checkpointFiles.fixture.js';
import { readDecoderModel, readDecoderShape } from './modelDirectory.js';
import { writeSafetensors } from './safetensors.js';
import { elementsOf } from './storedTensors.js';
import type { NamedTensor } from './tensors.js';

const shape = tinyShape({ layers: 2 });
const config = llamaConfig(shape);
const json = toHuggingFaceConfig(shape, 'LlamaForCausalLM');
const tensors = randomDecoder(config, 1);
const table = at(tensors, 0);
const head = { ...table, name: 'lm_head.weight' };
const otherHead = { ...head, data: head.data.map((x) => x + 1) };

let root = '';
let count = 0;
before(async () => void (root = await mkdtemp(join(tmpdir(), 'gapo-decoder-weights-'))));
after(() => rm(root, { recursive: true }));

async function directory(keys: object = {}): Promise<string> {
  const path = join(root, String(count++));
  await mkdir(path);
  await writeFile(join(path, 'config.json'), JSON.stringify({ ...json, ...keys }));
  return path;
}

async function written(weights: readonly NamedTensor[], keys: object = {}): Promise<string> {
  const path = await directory(keys);
  await writeSafetensors(join(path, 'model.safetensors'), weights);
  return path;
}

/** Writes the model's weights and one more tensor with a non-float type. */
async function withType(name: string, dtype: string): Promise<string> {
  const path = await written([...tensors, { name, shape: [2], data: new Float32Array(2) }]);
  const file = join(path, 'model.safetensors');
  const bytes = await readFile(file);
  const [before, after] = [`"${name}":{"dtype":"F32"`, `"${name}":{"dtype":"${dtype}"`];
  const header = bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE()));
  const changed = header.toString().replace(before, after).trimEnd();
  const padded = Buffer.from(changed.padEnd(Math.ceil(changed.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.byteLength));
  await writeFile(file, Buffer.concat([length, padded, bytes.subarray(8 + header.byteLength)]));
  return path;
}

describe('weights', () => {
  test('of another type are refused by name if they are needed, and as quantized if they are', async () => {
    await refused(
      readDecoderModel(await withType('model.layers.0.self_attn.q_proj.qweight', 'I32')),
      /q_proj\.qweight' is I32: the weights are quantized; gapo computes with .* from before quantization/,
    );
    await refused(
      readDecoderModel(await withType('model.layers.0.mlp.up_proj.weight_scale_inv', 'F32')),
      /weight_scale_inv' is F32: the weights are quantized/,
    );
    await refused(readDecoderModel(await withType('model.extra', 'F8_E4M3')), /is F8_E4M3: the weights are quantized/);
    await refused(
      readDecoderModel(await withType('model.extra', 'I64')),
      /'model\.extra' is not part of this architecture/,
    );
    const path = await written(tensors);
    const file = join(path, 'model.safetensors');
    await writeFile(file, (await readFile(file)).toString('latin1').replace('"F32"', '"F64"'), 'latin1');
    await refused(readDecoderModel(path), /embed_tokens\.weight' is F64; F32, F16 and BF16 can be read/);
  });

  test('whose number of layers is another than config.json’s are refused with both, before anything is built', async () => {
    const path = await written(tensors, { num_hidden_layers: 1000 });
    for (const read of [readDecoderModel, readDecoderShape]) {
      await refused(read(path), /config\.json has 1000 layers, the weights have 2; tensor .*; and 8975 more/);
    }
    await refused(
      readDecoderModel(await written(tensors, { num_hidden_layers: 1 })),
      /has 1 layers, the weights have 2/,
    );
    await refused(readDecoderShape(await written(tensors, { num_hidden_layers: 1e9 })), /whole number from 1 to 10000/);
  });

  test('that the model does not need are refused by name, unless they are ignored', async () => {
    const extra = ['v_head.summary.weight', 'v_head.summary.bias'].map((name) => ({ ...table, name }));
    const path = await written([...tensors, ...extra]);
    await refused(
      readDecoderModel(path),
      /'v_head\.summary\.weight' is not part of .*; list tensors .* policy\.ignoreKeys/,
    );
    for (const ignoreKeys of [['v_head'], ['v_head.summary.weight', 'v_head.summary.bias']]) {
      assert.equal((await readDecoderModel(path, { ignoreKeys })).weights.size, tensors.length);
    }
    const missing = readDecoderModel(await written(tensors.slice(1)), { ignoreKeys: ['model'] });
    await refused(missing, /'model\.embed_tokens\.weight' \[16,8\] is missing$/);
  });

  test('within another model are refused by the start of their names', async () => {
    for (const prefix of ['module.', '_orig_mod.', 'base_model.model.']) {
      const wrapped = tensors.map((tensor) => ({ ...tensor, name: prefix + tensor.name }));
      await refused(
        readDecoderModel(await written(wrapped)),
        new RegExp(`names of its tensors begin with '${prefix}'`),
      );
    }
  });

  test('without elements are explained', async () => {
    const empty = tensors.map((tensor) => ({ ...tensor, shape: [0], data: new Float32Array(0) }));
    await refused(
      readDecoderModel(await written(empty)),
      /20 tensors have no elements.* DeepSpeed ZeRO-3 .*zero_to_fp32\.py/,
    );
  });

  test('in two files are read if they are equal, and refused if they differ', async () => {
    for (const [other, expected] of [
      [table, undefined],
      [
        { ...table, data: table.data.map((x) => x + 1) },
        /embed_tokens\.weight' is in model-00001.* and in model-00002/,
      ],
    ] as const) {
      const path = await directory();
      await writeShards(path, tensors, ['F32', 'F32']);
      const second = join(path, 'model-00002-of-00002.safetensors');
      await writeSafetensors(second, [other, ...tensors.filter((_, i) => i % 2 === 1)]);
      if (expected === undefined) assert.equal((await readDecoderModel(path)).weights.size, tensors.length);
      else await refused(readDecoderModel(path), expected);
    }
  });

  test('in numbered shards need no index if all of them are there', async () => {
    const path = await directory();
    await writeShards(path, tensors, ['F32', 'F32']);
    await rm(join(path, 'model.safetensors.index.json'));
    assert.equal((await readDecoderModel(path)).weights.size, tensors.length);
    await rm(join(path, 'model-00001-of-00002.safetensors'));
    await refused(readDecoderModel(path), /has neither .*, but model-00002-of-00002\.safetensors; rename the file/);
  });

  test('in other formats are refused, and the error says what to do', async () => {
    for (const [file, advice] of [
      ['pytorch_model.bin', /but pytorch_model\.bin; convert the weights with transformers' from_pretrained/],
      ['model.gguf', /but model\.gguf; convert the weights/],
      ['consolidated.safetensors', /but consolidated\.safetensors; rename the file to model\.safetensors/],
      ['adapter_model.safetensors', /it is an adapter: name it as policy\.adapter/],
    ] as const) {
      const path = await directory();
      await writeFile(join(path, file), '');
      for (const read of [readDecoderModel, readDecoderShape]) await refused(read(path), advice);
    }
    assert.deepEqual((await readDecoderShape(await directory())).config, config, 'a plan needs config.json alone');
  });
});

describe('a table that is tied', () => {
  test('is kept apart from another projection in the files, with a note', async () => {
    const model = await readDecoderModel(await written([...tensors, otherHead]));
    assert.equal(model.config.tiedEmbeddings, false);
    assert.deepEqual(elementsOf(required(model.weights.get('lm_head.weight'), 'the head')), otherHead.data);
    assert.match(at(model.notes, 0), /'lm_head\.weight' and 'model\.embed_tokens\.weight' differ.*: both are kept/);
  });

  test('is written apart from another projection in a merged model, which says so', async () => {
    const model = await readDecoderModel(await written([...tensors, otherHead]));
    const lora = { rank: 1, alpha: 1, targets: ['q_proj'] };
    const out = join(root, String(count++));
    const adapter = { lora, tensors: initialTensors(model.config, { lora, valueHeads: 0 }, 1, new Map()) };
    await writeMergedModel(model, adapter, out);
    const found = await readDecoderModel(out);
    assert.deepEqual([found.config.tiedEmbeddings, found.notes], [false, []]);
    assert.deepEqual(elementsOf(required(found.weights.get('lm_head.weight'), 'the head')), otherHead.data);
  });

  test('may be in the files once, under either name, or twice', async () => {
    const rest = tensors.slice(1);
    for (const weights of [tensors, [head, ...rest], [...tensors, head]]) {
      const model = await readDecoderModel(await written(weights));
      assert.deepEqual([model.config, model.notes], [config, []]);
      assert.deepEqual(elementsOf(required(model.weights.get(table.name), 'the table')), table.data);
    }
  });

  test('may be in an index under its other name', async () => {
    const path = await directory();
    await writeSafetensors(join(path, 'model-a.safetensors'), tensors);
    const names = [...tensors.map(({ name }) => name), 'lm_head.weight'];
    const index = { weight_map: Object.fromEntries(names.map((name) => [name, 'model-a.safetensors'])) };
    await writeFile(join(path, 'model.safetensors.index.json'), JSON.stringify(index));
    assert.deepEqual((await readDecoderModel(path)).config, config);
    await rename(join(path, 'model-a.safetensors'), join(path, 'model-b.safetensors'));
    await refused(readDecoderModel(path), /model-a\.safetensors: does not exist/);
  });
});
