import assert from 'node:assert/strict';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { at } from '@gapo/numeric';
import { temporaryDirectory } from '@gapo/service/testing';
import { llamaConfig } from '../architectures/llama.js';
import { refused } from '../refusal.fixture.js';
import { tinyShape, tokenizerDirectory } from '../testing.fixture.js';
import { Tokenizer } from './tokenizer.js';

const config = llamaConfig(tinyShape({ vocabulary: 1536 }));

/** Copies the example's tokenizer, so that a test can change it. */
async function directory(t: TestContext): Promise<string> {
  const path = await temporaryDirectory(t);
  await cp(tokenizerDirectory, path, { recursive: true });
  return path;
}

describe('a tokenizer', () => {
  test('renders a prompt through the chat template, special tokens as single ids', async () => {
    const tokenizer = await Tokenizer.read(tokenizerDirectory);
    const ids = await tokenizer.encodePrompt('How do I reset my password?');
    assert.deepEqual([ids[0], ids[1], ids.at(-1)], [1, 3, 4]);
    assert.equal(await tokenizer.decode(ids), 'How do I reset my password?');
    assert.equal(await tokenizer.decode([]), '');
  });

  test('with more ids than the model has embeddings is refused', async () => {
    const tokenizer = await Tokenizer.read(tokenizerDirectory);
    tokenizer.assertFits(config, 'here');
    assert.throws(
      () => tokenizer.assertFits({ ...config, vocabulary: 1000 }, 'here'),
      /token ids up to 1535.*vocab_size 1000/,
    );
  });

  test('knows the ids that a policy may draw: not those of padded embeddings', async () => {
    const tokenizer = await Tokenizer.read(tokenizerDirectory);
    assert.equal(tokenizer.drawable({ vocabulary: tokenizer.size, eosIds: [2] }), undefined);
    const padded = tokenizer.drawable({ vocabulary: tokenizer.size + 8, eosIds: [2, tokenizer.size + 1] });
    assert.deepEqual([...(padded?.subarray(tokenizer.size - 1) ?? [])], [1, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert.equal(await tokenizer.decode([tokenizer.size + 3, 2 ** 31]), '');
  });

  test('ends a reply with its own eos_token if the model stops at it', async (t) => {
    const path = await directory(t);
    const tokenizer = await Tokenizer.read(path);
    const settings = JSON.parse(await readFile(join(path, 'tokenizer_config.json'), 'utf8')) as { eos_token: string };
    const own = at(await tokenizer.encode(settings.eos_token), 0);
    assert.equal(tokenizer.endId({ ...config, eosIds: [7, own] }), own);
    assert.equal(tokenizer.endId({ ...config, eosIds: [7, 8] }), 7);
  });

  test('that is missing or damaged is refused by its path', async (t) => {
    const path = await directory(t);
    await writeFile(join(path, 'tokenizer.json'), '{"model": 3}');
    await refused(Tokenizer.read(path), /tokenizer\.json: is not a tokenizer/);
    await rm(join(path, 'tokenizer.json'));
    await refused(Tokenizer.read(path), /tokenizer\.json: does not exist/);
  });
});

describe('a chat template', () => {
  const turns = [
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'Yes?' },
  ];
  const source =
    '{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}';
  const withSettings = async (t: TestContext, settings: object, jinja?: string): Promise<Tokenizer> => {
    const path = await directory(t);
    await rm(join(path, 'special_tokens_map.json'));
    await writeFile(join(path, 'tokenizer_config.json'), JSON.stringify({ bos_token: { content: '^' }, ...settings }));
    if (jinja !== undefined) await writeFile(join(path, 'chat_template.jinja'), jinja);
    return Tokenizer.read(path);
  };

  test('is read from a file, a text, or the default of a list, and knows the special tokens', async (t) => {
    for (const tokenizer of [
      await withSettings(t, { chat_template: 'not this one' }, source),
      await withSettings(t, { chat_template: source }),
      await withSettings(t, {
        chat_template: [
          { name: 'tools', template: '' },
          { name: 'default', template: source },
        ],
      }),
    ]) {
      assert.equal(tokenizer.renderChat(turns, true), '^<user>Hi<assistant>Yes?<assistant>');
      assert.equal(tokenizer.renderChat(turns.slice(0, 1), false), '^<user>Hi');
    }
    assert.equal((await withSettings(t, {})).renderChat(turns, true), undefined);
  });

  test('gets variables and a time', async (t) => {
    const path = await directory(t);
    await writeFile(join(path, 'chat_template.jinja'), "{{ mood }} {{ strftime_now('%d %B %Y') }} {{ tools is none }}");
    const now = new Date('2026-11-08T23:59:59Z');
    const tokenizer = await Tokenizer.read(path, { template: { variables: { mood: 'calm' }, now } });
    assert.equal(tokenizer.renderChat(turns, true), 'calm 08 November 2026 True');
  });

  test('is the default of several, which an object names too', async (t) => {
    const named = await withSettings(t, { chat_template: { default: source, tools: 'x' } });
    assert.equal(named.renderChat(turns.slice(0, 1), false), '^<user>Hi');
    const none = /has several chat templates and none is the default \(tools\); write the one to use into/;
    await refused(withSettings(t, { chat_template: [{ name: 'tools', template: '' }] }), none);
    await refused(withSettings(t, { chat_template: { tools: '' } }), none);
  });

  test('that repeats too much is refused by its file and line', async (t) => {
    const loop = 'x\n{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}';
    const tokenizer = await withSettings(t, {}, loop);
    assert.throws(
      () => tokenizer.renderChat(turns, true),
      /the chat template refuses it: takes more than \d+ steps.*\(line 2\); the template is .*chat_template\.jinja/,
    );
  });

  test('that cannot be parsed is refused with its file', async (t) => {
    await refused(
      withSettings(t, { chat_template: '{% for %}' }),
      /tokenizer_config\.json: has a chat_template that cannot/,
    );
    await refused(withSettings(t, {}, '{{ '), /chat_template\.jinja: has a chat_template that cannot be parsed/);
  });
});
