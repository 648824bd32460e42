import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { llamaConfig, toHuggingFaceConfig } from './architectures/llama.js';
import { ModelError } from './errors.js';
import { readDecoderModel } from './modelDirectory.js';
import { type NamedTensor, writeSafetensors } from './safetensors.js';
import { tinyShape, tokenizerDirectory } from './testing.fixture.js';
import { Tokenizer } from './tokenizer.js';
import { flatten, initialTensors, randomDecoder, split, trainableTensors } from './trainable.js';

const shape = tinyShape({ vocabulary: 1536 });
const config = llamaConfig(shape);
const json = toHuggingFaceConfig(shape, 'LlamaForCausalLM');
const weights = randomDecoder(config, 1);

let root = '';
let count = 0;
before(async () => void (root = await mkdtemp(join(tmpdir(), 'gapo-model-'))));
after(() => rm(root, { recursive: true }));

/** A model directory with some of its parts replaced. */
async function directory(changes: { config?: object; weights?: readonly NamedTensor[] } = {}): Promise<string> {
  const path = join(root, String(count++));
  await cp(tokenizerDirectory, path, { recursive: true });
  await writeFile(join(path, 'config.json'), JSON.stringify(changes.config ?? json));
  await writeSafetensors(join(path, 'model.safetensors'), changes.weights ?? weights);
  return path;
}

const refused = (read: Promise<unknown>, pattern: RegExp): Promise<void> =>
  assert.rejects(read, (error: unknown) => {
    assert.ok(error instanceof ModelError, String(error));
    assert.match(error.message, pattern);
    return true;
  });

describe('a model directory', () => {
  test('is read whole: configuration, every weight, and a hash over the weights', async () => {
    const path = await directory();
    const model = await readDecoderModel(path);
    assert.deepEqual(model.config, config);
    assert.equal(model.weights.size, weights.length);
    assert.equal(model.sha256, (await readDecoderModel(await directory())).sha256);
    const other = weights.map((tensor, i) => (i === 3 ? { ...tensor, data: tensor.data.map((x) => x + 1) } : tensor));
    assert.notEqual((await readDecoderModel(await directory({ weights: other }))).sha256, model.sha256);
  });

  test('that is missing, or a file, is refused', async () => {
    await refused(readDecoderModel(join(root, 'nowhere')), /nowhere: does not exist/);
    await writeFile(join(root, 'file'), '');
    await refused(readDecoderModel(join(root, 'file')), /is not a directory/);
  });

  test('without weights, or with a configuration that is not one, is refused with every problem', async () => {
    const path = await directory();
    await rm(join(path, 'model.safetensors'));
    await refused(readDecoderModel(path), /has neither model\.safetensors nor model\.safetensors\.index\.json/);
    await writeFile(join(path, 'config.json'), '{');
    await refused(readDecoderModel(path), /config\.json: is not JSON/);
    const wrong = { ...json, vocab_size: undefined, hidden_size: -1 };
    await refused(
      readDecoderModel(await directory({ config: wrong })),
      /vocab_size is missing.*; hidden_size must be a whole number above 0/,
    );
    const unknown = { ...json, model_type: 'mamba' };
    await refused(readDecoderModel(await directory({ config: unknown })), /model_type must be 'llama', 'mistral'/);
    const heads = { ...json, num_key_value_heads: 3 };
    await refused(readDecoderModel(await directory({ config: heads })), /4 is not a multiple of num_key_value_heads 3/);
    const scaled = { ...json, rope_scaling: { type: 'yarn', factor: 4 } };
    await refused(
      readDecoderModel(await directory({ config: scaled })),
      /rope_scaling 'yarn' is not supported; 'linear'/,
    );
    const linear = { ...json, num_key_value_heads: 3, rope_scaling: { type: 'linear' } };
    await refused(
      readDecoderModel(await directory({ config: linear })),
      /rope_scaling 'linear' needs factor; .* is not a multiple of num_key_value_heads 3/,
    );
    const { eos_token_id: _, ...endless } = json;
    await refused(readDecoderModel(await directory({ config: endless })), /eos_token_id is neither here nor in/);
  });

  test('with a missing, a surplus or a misshapen tensor is refused by the tensor’s name', async () => {
    await refused(
      readDecoderModel(await directory({ weights: weights.slice(1) })),
      /'model\.embed_tokens\.weight' \[1536,8\] is missing/,
    );
    const surplus = [...weights, { name: 'model.extra.weight', shape: [1], data: new Float32Array(1) }];
    await refused(readDecoderModel(await directory({ weights: surplus })), /'model\.extra\.weight' has no place/);
    const misshapen = weights.map((tensor) =>
      tensor.name.endsWith('up_proj.weight') ? { ...tensor, shape: [8, 12] } : tensor,
    );
    await refused(
      readDecoderModel(await directory({ weights: misshapen })),
      /up_proj\.weight' is \[8,12\], config\.json asks for \[12,8\]/,
    );
  });
});

describe('a tokenizer', () => {
  test('renders a prompt through the chat template, special tokens as single ids', async () => {
    const tokenizer = await Tokenizer.read(tokenizerDirectory);
    const ids = tokenizer.encodePrompt('How do I reset my password?');
    assert.deepEqual([ids[0], ids[1], ids.at(-1)], [1, 3, 4]);
    assert.equal(tokenizer.decode(ids), 'How do I reset my password?');
    assert.equal(tokenizer.decode([]), '');
  });

  test('with more ids than the model has embeddings is refused', async () => {
    const tokenizer = await Tokenizer.read(tokenizerDirectory);
    tokenizer.assertFits(config, 'here');
    assert.throws(
      () => tokenizer.assertFits({ ...config, vocabulary: 1000 }, 'here'),
      /token ids up to 1535.*vocab_size 1000/,
    );
  });

  test('ends a reply with its own eos_token where the model stops at it', async () => {
    const path = await directory();
    const tokenizer = await Tokenizer.read(path);
    const settings = JSON.parse(await readFile(join(path, 'tokenizer_config.json'), 'utf8')) as { eos_token: string };
    const [own] = tokenizer.encode(settings.eos_token) as [number];
    assert.equal(tokenizer.endId({ ...config, eosIds: [7, own] }), own);
    assert.equal(tokenizer.endId({ ...config, eosIds: [7, 8] }), 7);
  });

  test('that is missing or damaged is refused by its path', async () => {
    const path = await directory();
    await writeFile(join(path, 'tokenizer.json'), '{"model": 3}');
    await refused(Tokenizer.read(path), /tokenizer\.json: is not a tokenizer/);
    await rm(join(path, 'tokenizer.json'));
    await refused(Tokenizer.read(path), /tokenizer\.json: does not exist/);
  });
});

describe('what is trained', () => {
  const spec = { lora: { rank: 3, alpha: 6, targets: ['q_proj', 'down_proj'] }, valueHeads: 2 };

  test('has PEFT’s names and shapes, in a fixed order', () => {
    assert.deepEqual(trainableTensors(config, spec), [
      { name: 'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight', shape: [3, 8] },
      { name: 'base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight', shape: [8, 3] },
      { name: 'base_model.model.model.layers.0.mlp.down_proj.lora_A.weight', shape: [3, 12] },
      { name: 'base_model.model.model.layers.0.mlp.down_proj.lora_B.weight', shape: [8, 3] },
      { name: 'value_head.weight', shape: [2, 8] },
      { name: 'value_head.bias', shape: [2] },
    ]);
  });

  test('starts as the base model: B and the value heads are zero, A depends on the seed', () => {
    const base = new Map(weights.map((tensor) => [tensor.name, tensor]));
    const first = initialTensors(config, spec, 1, base);
    for (const { name, data } of first)
      assert.equal(
        data.every((x) => x === 0),
        !name.includes('lora_A'),
        name,
      );
    assert.deepEqual(initialTensors(config, spec, 1, base), first);
    assert.notDeepEqual(initialTensors(config, spec, 2, base)[0]?.data, first[0]?.data);
  });

  test('goes into one flat vector and back', () => {
    const flat = flatten(weights);
    assert.deepEqual(split(flat, weights), weights);
    (split(flat, weights)[0] as NamedTensor).data[0] = 9;
    assert.equal(flat[0], 9, 'the parts are views');
  });
});

describe('a chat template', () => {
  const turns = [
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'Yes?' },
  ];
  const source =
    '{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}';
  const withSettings = async (settings: object, jinja?: string): Promise<Tokenizer> => {
    const path = await directory();
    await writeFile(join(path, 'tokenizer_config.json'), JSON.stringify({ bos_token: { content: '^' }, ...settings }));
    if (jinja !== undefined) await writeFile(join(path, 'chat_template.jinja'), jinja);
    return Tokenizer.read(path);
  };

  test('is read from a file, a text, or the default of a list, and knows the special tokens', async () => {
    for (const tokenizer of [
      await withSettings({ chat_template: 'not this one' }, source),
      await withSettings({ chat_template: source }),
      await withSettings({
        chat_template: [
          { name: 'tools', template: '' },
          { name: 'default', template: source },
        ],
      }),
    ]) {
      assert.equal(tokenizer.renderChat(turns, true), '^<user>Hi<assistant>Yes?<assistant>');
      assert.equal(tokenizer.renderChat(turns.slice(0, 1), false), '^<user>Hi');
    }
    assert.equal((await withSettings({})).renderChat(turns, true), undefined);
  });

  test('that is none is refused by where it is', async () => {
    await refused(
      withSettings({ chat_template: '{% for %}' }),
      /tokenizer_config\.json: has a chat_template that cannot/,
    );
    await refused(withSettings({}, '{{ '), /chat_template\.jinja: has a chat_template that cannot be read/);
  });
});
