/** Encoded rows of data sets: a completion ends with exactly one end token, a prompt with none. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { UserError } from '@gapo/service';
import { temporaryDirectory } from '@gapo/service/testing';
import { llamaConfig } from '../architectures/llama.js';
import { specialToken, tinyShape } from '../testing.fixture.js';
import type { Turn } from './chatTemplate.js';
import type { Encoded } from './encodings.js';
import type { Prompt } from './prompt.js';
import { TextCodec, type TokenSequence } from './textCodec.js';
import { Tokenizer } from './tokenizer.js';

const special = { bos: 0, eot: 1, eos: 2 } as const;
/** The vocabulary: special tokens, and a token per character (Ġ is a space). */
const specialTokens = ['<bos>', '<eot>', '<eos>'];
const characters = [...'abcdefghijklmnopqrstuvwxyz:Ġ'];

/** A tokenizer of single characters, with a given post-processor and chat template. */
async function tokenizerWith(
  t: TestContext,
  { template, chat, eos = '<eos>' }: { template?: readonly string[]; chat?: string; eos?: string } = {},
): Promise<Tokenizer> {
  const directory = await temporaryDirectory(t);
  const part = (id: string): object =>
    id === 'A' ? { Sequence: { id, type_id: 0 } } : { SpecialToken: { id, type_id: 0 } };
  const declared = Object.fromEntries(specialTokens.map((id, index) => [id, { id, ids: [index], tokens: [id] }]));
  const json = {
    version: '1.0',
    added_tokens: specialTokens.map(specialToken),
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    post_processor:
      template === undefined
        ? null
        : { type: 'TemplateProcessing', single: template.map(part), pair: [], special_tokens: declared },
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    model: {
      type: 'BPE',
      vocab: Object.fromEntries([...specialTokens, ...characters].map((token, id) => [token, id])),
      merges: [],
    },
  };
  await writeFile(join(directory, 'tokenizer.json'), JSON.stringify(json));
  const settings = { bos_token: '<bos>', eos_token: eos, ...(chat && { chat_template: chat }) };
  await writeFile(join(directory, 'tokenizer_config.json'), JSON.stringify(settings));
  return Tokenizer.read(directory);
}

const idsOf = (text: string): number[] => [...text].map((character) => 3 + characters.indexOf(character));

const chatml =
  "{% for message in messages %}{{ message['role'] }}:{{ message['content'] }}<eot>  {% endfor %}" +
  '{% if add_generation_prompt %}assistant:{% endif %}';
const policy = { endId: special.eos, endIds: [special.eot, special.eos], context: 64 };

/** Returns the only encoded item. */
async function only<T>(encoding: Promise<readonly Encoded<T>[]>): Promise<T> {
  const [encoded] = await encoding;
  assert.ok(encoded);
  if ('value' in encoded) return encoded.value;
  throw encoded.error;
}

const promptOf = (text: string): Prompt => ({ text, turns: [{ role: 'user', content: text }] });
const prompt = (codec: TextCodec, text: string): Promise<readonly number[]> => only(codec.prompts([promptOf(text)]));
const text = (codec: TextCodec, of: string): Promise<TokenSequence> => only(codec.learned([{ text: of }]));
const exchange = (codec: TextCodec, of: string, completion: string): Promise<TokenSequence> =>
  only(codec.learned([{ prompt: promptOf(of), completion }]));
const conversation = (codec: TextCodec, turns: readonly Turn[]): Promise<readonly TokenSequence[]> =>
  only(codec.conversations([turns]));

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });

describe('completions end with exactly one end token', () => {
  test('one is added to a text without one', async (t) => {
    const codec = new TextCodec(await tokenizerWith(t), policy);
    assert.deepEqual(await exchange(codec, 'a', 'b'), {
      promptIds: idsOf('a'),
      completionIds: [...idsOf('b'), special.eos],
    });
    assert.deepEqual(await text(codec, 'ab'), { promptIds: idsOf('a'), completionIds: [...idsOf('b'), special.eos] });
  });

  test('none is added to a text that ends with any token that the model stops at', async (t) => {
    const codec = new TextCodec(await tokenizerWith(t), policy);
    for (const [end, id] of [
      ['<eos>', special.eos],
      ['<eot>', special.eot],
      ['<eot>  ', special.eot],
      ['<eos><eos>', special.eos],
      ['<eot><eos>', special.eot],
    ] as const) {
      const expected = { promptIds: idsOf('a'), completionIds: [...idsOf('b'), id] };
      assert.deepEqual(await exchange(codec, 'a', `b${end}`), expected, end);
      assert.deepEqual(await text(codec, `ab${end}`), expected, end);
    }
  });

  test('none is added if the tokenizer adds one itself', async (t) => {
    const codec = new TextCodec(await tokenizerWith(t, { template: ['<bos>', 'A', '<eos>'] }), policy);
    assert.deepEqual(await text(codec, 'ab'), {
      promptIds: [special.bos],
      completionIds: [...idsOf('ab'), special.eos],
    });
    assert.deepEqual((await exchange(codec, 'a', 'b')).completionIds, [...idsOf('b'), special.eos]);
  });

  test('none is added if the chat template ends the turn, with any end token', async (t) => {
    const codec = new TextCodec(await tokenizerWith(t, { chat: chatml }), policy);
    const [first, second, ...more] = await conversation(codec, [user('a'), assistant('b'), user('c'), assistant('d')]);
    assert.deepEqual(first, {
      promptIds: [...idsOf('user:a'), special.eot, ...idsOf('ĠĠassistant:')],
      completionIds: [...idsOf('b'), special.eot],
    });
    assert.deepEqual(second?.completionIds, [...idsOf('d'), special.eot]);
    assert.deepEqual(second.promptIds.slice(0, first.promptIds.length + 2), [...first.promptIds, ...idsOf('b'), 1]);
    assert.deepEqual(more, []);
  });

  test('one is added if the chat template leaves the turn open', async (t) => {
    const open = chatml.replace('<eot>', '');
    const codec = new TextCodec(await tokenizerWith(t, { chat: open }), policy);
    const [sequence] = await conversation(codec, [user('a'), assistant('b')]);
    assert.deepEqual(sequence?.completionIds, [...idsOf('bĠĠ'), special.eos]);
  });

  test('words after an end token are an error: the model would stop before them', async (t) => {
    const codec = new TextCodec(await tokenizerWith(t, { chat: chatml }), policy);
    const refused = (work: Promise<unknown>): Promise<void> =>
      assert.rejects(work, (error: unknown) => {
        assert.ok(error instanceof UserError);
        assert.match(
          error.message,
          /^token 2 of the completion is an end token, and words follow: the model would stop/,
        );
        return true;
      });
    await refused(exchange(codec, 'a', 'b<eos>c'));
    await refused(text(codec, 'ab<eot>c'));
    await refused(conversation(codec, [user('a'), assistant('b<eot>c')]));
  });
});

describe('prompts end without an end token', () => {
  test('tokens that the tokenizer appends are removed, those that it prepends stay', async (t) => {
    const codec = new TextCodec(await tokenizerWith(t, { template: ['<bos>', 'A', '<eos>'] }), policy);
    assert.deepEqual(await prompt(codec, 'ab'), [special.bos, ...idsOf('ab')]);
    assert.deepEqual((await exchange(codec, 'ab', 'c')).promptIds, [special.bos, ...idsOf('ab')]);
  });

  test('the chat template opens the reply', async (t) => {
    const codec = new TextCodec(await tokenizerWith(t, { chat: chatml }), policy);
    assert.deepEqual(await prompt(codec, 'a'), [...idsOf('user:a'), special.eot, ...idsOf('ĠĠassistant:')]);
  });
});

test('a prompt leaves room for a completion, and a sequence fits the context', async (t) => {
  const codec = new TextCodec(await tokenizerWith(t), { ...policy, context: 4 });
  assert.equal((await prompt(codec, 'abc')).length, 3);
  await assert.rejects(prompt(codec, 'abcd'), /the prompt has 4 tokens, the model's context leaves 3; shorten it/);
  assert.equal((await exchange(codec, 'ab', 'c')).completionIds.length, 2);
  await assert.rejects(exchange(codec, 'ab', 'cd'), /it has 5 tokens, the model's context is 4; shorten it/);
  const reserving = new TextCodec(await tokenizerWith(t), { ...policy, context: 8 }, { reserved: 6 });
  assert.equal((await prompt(reserving, 'ab')).length, 2);
  await assert.rejects(
    prompt(reserving, 'abc'),
    /the prompt has 3 tokens, the model's context of 8 leaves 2 next to a completion of 6; shorten it/,
  );
  const without = new TextCodec(await tokenizerWith(t), { ...policy, context: 8 }, { reserved: 8 });
  await assert.rejects(prompt(without, 'a'), /completions of 8 tokens leave no room for a prompt/);
});

test('what is too long for the context is refused before it is rendered or encoded', async (t) => {
  const tokenizer = await tokenizerWith(t, { chat: chatml });
  const codec = new TextCodec(
    {
      ...{ affixes: tokenizer.affixes, bosId: tokenizer.bosId, longestToken: 5, decode: async () => '' },
      renderChat: () => assert.fail('rendered'),
      encodeAll: async (texts) => (texts.length > 0 ? assert.fail('encoded') : []),
    },
    { ...policy, context: 4 },
  );
  await assert.rejects(prompt(codec, 'a'.repeat(21)), /it has 21 characters, too many for the model's context of 4/);
  await assert.rejects(exchange(codec, 'a', 'a'.repeat(20)), /it has 21 characters/);
  await assert.rejects(text(codec, 'a'.repeat(21)), /it has 21 characters/);
  await assert.rejects(conversation(codec, [user('a'), assistant('a'.repeat(20))]), /it has 21 characters/);
});

describe('what does not fit can be truncated from the left', () => {
  const options = { overlong: 'truncate-left', reserved: 2 } as const;

  test('the last tokens stay, after the one that begins a text', async (t) => {
    const codec = new TextCodec(
      await tokenizerWith(t, { template: ['<bos>', 'A'] }),
      { ...policy, context: 6 },
      options,
    );
    const [encoded] = await codec.prompts([promptOf('abcdef')]);
    assert.deepEqual(encoded, { value: [special.bos, ...idsOf('def')], truncated: true });
    assert.deepEqual(await codec.prompts([promptOf('abc')]), [
      { value: [special.bos, ...idsOf('abc')], truncated: false },
    ]);
    assert.deepEqual(await text(codec, 'abcdefg'), {
      promptIds: [special.bos],
      completionIds: [...idsOf('defg'), special.eos],
    });
  });

  test('a completion stays whole, and both completions of a prompt lose the same tokens of it', async (t) => {
    const codec = new TextCodec(await tokenizerWith(t), { ...policy, context: 6 }, options);
    const pair = await only(codec.completions([{ prompt: promptOf('abcdef'), completions: ['x', 'yz'] }]));
    assert.deepEqual(pair, {
      promptIds: idsOf('def'),
      completionIds: [
        [...idsOf('x'), special.eos],
        [...idsOf('yz'), special.eos],
      ],
    });
    await assert.rejects(exchange(codec, 'a', 'bcdefg'), /the completion has 7 tokens, the model's context is 6/);
  });

  test('a text far beyond the context is cut, too', async (t) => {
    const codec = new TextCodec(await tokenizerWith(t), { ...policy, context: 6 }, options);
    assert.deepEqual(await prompt(codec, `${'a'.repeat(100_000)}bcde`), idsOf('bcde'));
  });
});

test('errors state why a row cannot be encoded, and the others are encoded', async (t) => {
  const plain = new TextCodec(await tokenizerWith(t), policy);
  await assert.rejects(prompt(plain, ''), /the prompt has no tokens/);
  await assert.rejects(text(plain, ''), /the text has no tokens/);
  await assert.rejects(conversation(plain, [user('a'), assistant('b')]), /the model has no chat template/);
  await assert.rejects(conversation(plain, [assistant('a')]), /no message after the first has the role assistant/);
  const strict = "{% if messages[0].content == 'z' %}{{ raise_exception('roles must alternate') }}{% endif %}" + chatml;
  const refusing = new TextCodec(await tokenizerWith(t, { chat: strict }), policy);
  await assert.rejects(
    conversation(refusing, [user('z'), assistant('b')]),
    (error: unknown) => error instanceof UserError && /the chat template refuses it: .*alternate/.test(error.message),
  );
  const encoded = await refusing.prompts([promptOf('a'), promptOf('z'), promptOf('b')]);
  assert.deepEqual(
    encoded.map((each) => ('value' in each ? each.value.length : each.overlong)),
    [19, false, 19],
  );
});

describe('the template around a reply', () => {
  test('where it opens a reply differently than it writes one, the common beginning is the prompt', async (t) => {
    const thinking = chatml.replace('assistant:{% endif', 'assistant:think{% endif');
    const codec = new TextCodec(await tokenizerWith(t, { chat: thinking }), policy);
    const { promptIds, completionIds } = await exchange(codec, 'a', 'b');
    assert.deepEqual(promptIds, [...idsOf('user:a'), special.eot, ...idsOf('ĠĠassistant:')]);
    assert.deepEqual(completionIds, [...idsOf('b'), special.eot]);
  });

  test('a template that leaves out a part of the reply is an error', async (t) => {
    const dropping = chatml.replace("message['content']", "message['content'].split('x')[-1]");
    const codec = new TextCodec(await tokenizerWith(t, { chat: dropping }), policy);
    await assert.rejects(exchange(codec, 'a', 'bxc'), /the chat template leaves out a part of the reply/);
    assert.deepEqual((await exchange(codec, 'a', 'b')).completionIds, [...idsOf('b'), special.eot]);
  });

  test('a template that writes the prompt differently once it is answered is an error', async (t) => {
    const lastOnly = chatml.replace(
      "{{ message['role'] }}:",
      "{% if loop.last and message['role'] == 'user' %}sys {% endif %}{{ message['role'] }}:",
    );
    const codec = new TextCodec(await tokenizerWith(t, { chat: lastOnly }), policy);
    await assert.rejects(
      exchange(codec, 'a', 'b'),
      /writes the turns before a reply differently once the reply is there/,
    );
  });

  test('a turn that a data set excludes, and one that opens the conversation, are not learned', async (t) => {
    const codec = new TextCodec(await tokenizerWith(t, { chat: chatml }), policy);
    const turns = [assistant('h'), user('a'), { ...assistant('b'), learned: false }, user('c'), assistant('d')];
    const learned = await conversation(codec, turns);
    assert.deepEqual(
      learned.map(({ completionIds }) => completionIds),
      [[...idsOf('d'), special.eot]],
    );
  });
});

test('a prompt that begins with the tokens that the tokenizer prepends does not get them twice', async (t) => {
  const codec = new TextCodec(await tokenizerWith(t, { template: ['<bos>', 'A'] }), policy);
  assert.deepEqual(await prompt(codec, '<bos>a'), [special.bos, ...idsOf('a')]);
  assert.deepEqual(await exchange(codec, '<bos>a', 'b'), await exchange(codec, 'a', 'b'));
  assert.deepEqual(await text(codec, '<bos>ab'), await text(codec, 'ab'));
});

test('a model’s codec adds the tokenizer’s own end token if the model stops at it', async (t) => {
  const config = llamaConfig(tinyShape({ eosIds: [special.eot, special.eos] }));
  const completion = async (codec: TextCodec) => (await exchange(codec, 'a', 'b')).completionIds;
  assert.deepEqual(await completion(TextCodec.of(await tokenizerWith(t), config)), [...idsOf('b'), special.eos]);
  const stops = TextCodec.of(await tokenizerWith(t, { eos: '<bos>' }), config);
  assert.deepEqual(await completion(stops), [...idsOf('b'), special.eot], 'the model does not stop at <bos>');
});
