/** Encoded lines of data sets: a completion ends with one end token, a prompt with none. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { UserError } from '@gapo/service';
import { temporaryDirectory } from '@gapo/service/testing';
import { llamaConfig } from '../architectures/llama.js';
import { specialToken, tinyShape } from '../testing.fixture.js';
import { TextCodec } from './textCodec.js';
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

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });

describe('completions end with exactly one end token', () => {
  test('one is added to a text without one', async (t) => {
    const codec = new TextCodec(await tokenizerWith(t), policy);
    assert.deepEqual(await codec.exchange('a', 'b'), {
      promptIds: idsOf('a'),
      completionIds: [...idsOf('b'), special.eos],
    });
    assert.deepEqual(await codec.text('ab'), { promptIds: idsOf('a'), completionIds: [...idsOf('b'), special.eos] });
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
      assert.deepEqual(await codec.exchange('a', `b${end}`), expected, end);
      assert.deepEqual(await codec.text(`ab${end}`), expected, end);
    }
  });

  test('none is added if the tokenizer adds one itself', async (t) => {
    const codec = new TextCodec(await tokenizerWith(t, { template: ['<bos>', 'A', '<eos>'] }), policy);
    assert.deepEqual(await codec.text('ab'), {
      promptIds: [special.bos],
      completionIds: [...idsOf('ab'), special.eos],
    });
    assert.deepEqual((await codec.exchange('a', 'b')).completionIds, [...idsOf('b'), special.eos]);
  });

  test('none is added if the chat template ends the turn, with any end token', async (t) => {
    const codec = new TextCodec(await tokenizerWith(t, { chat: chatml }), policy);
    const [first, second, ...more] = await codec.conversation([user('a'), assistant('b'), user('c'), assistant('d')]);
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
    const [sequence] = await codec.conversation([user('a'), assistant('b')]);
    assert.deepEqual(sequence?.completionIds, [...idsOf('bĠĠ'), special.eos]);
  });

  test('words after an end token are an error: the model would stop before them', async (t) => {
    const codec = new TextCodec(await tokenizerWith(t, { chat: chatml }), policy);
    const refused = (work: Promise<unknown>): Promise<void> =>
      assert.rejects(work, (error: unknown) => {
        assert.ok(error instanceof UserError);
        assert.match(error.message, /^an end token comes before "c": the model would stop there; remove it/);
        return true;
      });
    await refused(codec.exchange('a', 'b<eos>c'));
    await refused(codec.text('ab<eot>c'));
    await refused(codec.conversation([user('a'), assistant('b<eot>c')]));
  });
});

describe('prompts end without an end token', () => {
  test('tokens that the tokenizer appends are removed, those that it prepends stay', async (t) => {
    const codec = new TextCodec(await tokenizerWith(t, { template: ['<bos>', 'A', '<eos>'] }), policy);
    assert.deepEqual(await codec.prompt('ab'), [special.bos, ...idsOf('ab')]);
    assert.deepEqual((await codec.exchange('ab', 'c')).promptIds, [special.bos, ...idsOf('ab')]);
  });

  test('the chat template opens the reply', async (t) => {
    const codec = new TextCodec(await tokenizerWith(t, { chat: chatml }), policy);
    assert.deepEqual(await codec.prompt('a'), [...idsOf('user:a'), special.eot, ...idsOf('ĠĠassistant:')]);
  });
});

test('a prompt leaves room for a token, and a sequence fits the context', async (t) => {
  const codec = new TextCodec(await tokenizerWith(t), { ...policy, context: 4 });
  assert.equal((await codec.prompt('abc')).length, 3);
  await assert.rejects(codec.prompt('abcd'), /the prompt has 4 tokens, the model's context 4; shorten it/);
  assert.equal((await codec.exchange('ab', 'c')).completionIds.length, 2);
  await assert.rejects(codec.exchange('ab', 'cd'), /it has 5 tokens, the model's context is 4; shorten it/);
});

test('errors state why a line cannot be encoded', async (t) => {
  const plain = new TextCodec(await tokenizerWith(t), policy);
  await assert.rejects(plain.prompt(''), /the prompt has no tokens/);
  await assert.rejects(plain.text(''), /the text has no tokens/);
  await assert.rejects(plain.conversation([user('a'), assistant('b')]), /the model has no chat template/);
  await assert.rejects(plain.conversation([user('a')]), /no message has the role assistant/);
  const strict = "{{ raise_exception('roles must alternate') }}";
  const refusing = new TextCodec(await tokenizerWith(t, { chat: strict }), policy);
  await assert.rejects(
    refusing.conversation([user('a'), assistant('b')]),
    (error: unknown) => error instanceof UserError && /the chat template refuses it: .*alternate/.test(error.message),
  );
  const other = chatml.replace('assistant:', 'reply:');
  const turned = new TextCodec(await tokenizerWith(t, { chat: other }), policy);
  await assert.rejects(
    turned.conversation([user('a'), assistant('b')]),
    /message 1: the chat template opens a reply differently/,
  );
});

test('a model’s codec adds the tokenizer’s own end token if the model stops at it', async (t) => {
  const config = llamaConfig(tinyShape({ eosIds: [special.eot, special.eos] }));
  const completion = async (codec: TextCodec) => (await codec.exchange('a', 'b')).completionIds;
  assert.deepEqual(await completion(TextCodec.of(await tokenizerWith(t), config)), [...idsOf('b'), special.eos]);
  const stops = TextCodec.of(await tokenizerWith(t, { eos: '<bos>' }), config);
  assert.deepEqual(await completion(stops), [...idsOf('b'), special.eot], 'the model does not stop at <bos>');
});
