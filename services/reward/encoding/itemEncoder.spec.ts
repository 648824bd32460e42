/** Prompt and completion as tokens: three ways to combine them, and truncation. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, test } from 'node:test';
import { Tokenizer } from '@gapo/model';
import { oneTurn } from '@gapo/reward/testing';
import { temporaryDirectory } from '@gapo/service/testing';
import { itemFormOf, readClassifierConfig } from '../onnx/classifierConfig.js';
import { tinyPair, tinyTokens, writeTinyClassifier } from '../onnx/tinyClassifier.fixture.js';
import { type EncodedItem, type Encoding, type ItemEncoder, itemEncoder } from './itemEncoder.js';

async function encoderOf(directory: string): Promise<ItemEncoder> {
  const { form, settings } = itemFormOf(await readClassifierConfig(directory));
  return itemEncoder(await Tokenizer.read(directory), form, settings, directory);
}

async function encoderWith(
  t: TestContext,
  options: Readonly<Record<string, unknown>>,
): Promise<(prompt: string, completion: string) => Promise<Encoding>> {
  const directory = await temporaryDirectory(t);
  await writeTinyClassifier(directory, { rewardYaml: JSON.stringify({ objective: 'x', ...options }) });
  const encoder = await encoderOf(directory);
  return (prompt, completion) => encoder.encode(oneTurn(prompt, completion));
}

const ids = (encoding: Encoding): readonly number[] => (encoding as EncodedItem).ids;
const bytes = (text: string): number[] => [...Buffer.from(text)];
const [, user, , end] = [256, 257, 258, 259] as const;

describe('an item as tokens', () => {
  test("a pair is two segments in the tokenizer's template, an empty completion included", async (t) => {
    const encode = await encoderWith(t, { input: 'pair' });
    for (const [prompt, completion] of [
      ['How?', 'So.'],
      ['How?', ''],
      ['', 'So 🙂'],
    ] as const) {
      const first = bytes(prompt).length;
      const second = bytes(completion).length;
      assert.deepEqual(await encode(prompt, completion), {
        ids: tinyPair(prompt, completion),
        segments: [...new Array<number>(first + 2).fill(0), ...new Array<number>(second + 1).fill(1)],
      });
    }
  });

  test("a text has the prompt and the completion in their places, and the tokenizer's special tokens", async (t) => {
    const plain = await encoderWith(t, { input: 'text' });
    assert.deepEqual(ids(await plain('How?', 'So.')), [user, ...bytes('How?So.'), end]);
    const alone = await encoderWith(t, { input: 'text', text: '{completion}' });
    assert.deepEqual(ids(await alone('How?', 'So.')), [user, ...bytes('So.'), end]);
    const labelled = await encoderWith(t, { input: 'text', text: 'H: {prompt} A: {completion}' });
    assert.deepEqual(ids(await labelled('{completion}', '$& {prompt}')), [
      user,
      ...bytes('H: {completion} A: $& {prompt}'),
      end,
    ]);
  });

  test('a conversation goes through the chat template, which has its own special tokens', async (t) => {
    const encode = await encoderWith(t, {});
    assert.deepEqual(ids(await encode('How?', 'So.')), tinyTokens('How?', 'So.'));
  });

  test('every turn before the completion goes through the chat template, and the earliest are shortened first', async (t) => {
    const turns = [
      { role: 'user', content: 'How?' },
      { role: 'assistant', content: 'So.' },
      { role: 'user', content: 'Why?' },
    ];
    const item = { prompt: 'Why?', completion: 'Thus.', metadata: {}, turns };
    const encoded = async (options: Readonly<Record<string, unknown>>): Promise<readonly number[]> => {
      const directory = await temporaryDirectory(t);
      await writeTinyClassifier(directory, { rewardYaml: JSON.stringify({ objective: 'x', ...options }) });
      const encoder = await encoderOf(directory);
      return ids(await encoder.encode(item));
    };
    const all = [...tinyTokens('How?', 'So.'), ...tinyTokens('Why?', 'Thus.')];
    assert.deepEqual(await encoded({}), all);
    const shorter = [...tinyTokens('', '.'), ...tinyTokens('Why?', 'Thus.')];
    assert.deepEqual(await encoded({ max_tokens: all.length - 6 }), shorter);
  });

  /** Room for ten bytes in addition to the special tokens. */
  const specialTokens = { chat: 4, pair: 3, text: 2 } as const;
  const whole = {
    chat: (prompt: string, completion: string) => tinyTokens(prompt, completion),
    pair: tinyPair,
    text: (prompt: string, completion: string) => [user, ...bytes(prompt + completion), end],
  };
  const long = '0123456789abcdef';
  const cuts: readonly { truncate: 'prompt' | 'completion'; side: 'left' | 'right'; kept: [string, string] }[] = [
    { truncate: 'prompt', side: 'left', kept: [long.slice(-7), 'xyz'] },
    { truncate: 'prompt', side: 'right', kept: [long.slice(0, 7), 'xyz'] },
    { truncate: 'completion', side: 'left', kept: ['xyz', long.slice(-7)] },
    { truncate: 'completion', side: 'right', kept: ['xyz', long.slice(0, 7)] },
  ];
  for (const input of ['chat', 'pair', 'text'] as const) {
    for (const { truncate, side, kept } of cuts) {
      test(`${input}: a ${truncate} that is too long is truncated on the ${side}`, async (t) => {
        const options = { input, truncate, truncation_side: side, max_tokens: 10 + specialTokens[input] };
        const encode = await encoderWith(t, options);
        const [prompt, completion] = truncate === 'prompt' ? [long, 'xyz'] : ['xyz', long];
        assert.deepEqual(ids(await encode(prompt, completion)), whole[input](...kept));
        // Far longer than the part the encoder looks at.
        const huge = side === 'left' ? 'é'.repeat(50_000) + long : long + 'é'.repeat(50_000);
        const [first, second] = truncate === 'prompt' ? [huge, 'xyz'] : ['xyz', huge];
        assert.deepEqual(ids(await encode(first, second)), whole[input](...kept));
        const other = truncate === 'prompt' ? 'completion' : 'prompt';
        const problem = `the ${other} alone is longer than max_tokens ${options.max_tokens}; shorten it to be scored`;
        const tooLong = truncate === 'prompt' ? await encode('', 'z'.repeat(11)) : await encode('z'.repeat(11), '');
        assert.deepEqual(tooLong, { problem });
        const hugeOther = truncate === 'prompt' ? await encode('a', huge) : await encode(huge, 'a');
        assert.deepEqual(hugeOther, { problem });
      });
    }

    test(`${input}: without truncation, an item fits or has no score`, async (t) => {
      const most = 10 + specialTokens[input];
      const encode = await encoderWith(t, { input, truncate: 'none', max_tokens: most });
      assert.deepEqual(ids(await encode('01234', '56789')), whole[input]('01234', '56789'));
      for (const [prompt, completion] of [
        ['012345', '56789'],
        ['01234', long.repeat(10_000)],
      ] as const) {
        const problem = `the item is longer than max_tokens ${most}; shorten it to be scored`;
        assert.deepEqual(await encode(prompt, completion), { problem });
      }
    });
  }
});

test('max_tokens is by default what both the model and its tokenizer take', async (t) => {
  const directory = await temporaryDirectory(t);
  await writeTinyClassifier(directory);
  const path = join(directory, 'tokenizer_config.json');
  const settings = JSON.parse(await readFile(path, 'utf8')) as object;
  for (const [stated, expected] of [
    [undefined, 128],
    [100, 100],
    [1e30, 128],
    [null, 128],
  ] as const) {
    await writeFile(path, JSON.stringify({ ...settings, model_max_length: stated }));
    assert.equal((await readClassifierConfig(directory)).maxTokens, expected);
  }
  await writeFile(path, JSON.stringify({ ...settings, model_max_length: 'long' }));
  await assert.rejects(
    readClassifierConfig(directory),
    /has model_max_length "long"; expected a number of at least 1$/,
  );
});

describe('invalid options', () => {
  const refusals: readonly (readonly [string, Readonly<Record<string, unknown>>, RegExp])[] = [
    ['a text without input: text', { text: '{completion}' }, /reward\.yaml:\d+:\d+ text: .* because input is not text/],
    [
      'a text without the completion',
      { input: 'text', text: '{prompt}' },
      /text: found string "\{prompt\}", expected a text with \{completion\}/,
    ],
    ['an unknown placeholder', { input: 'text', text: '{completion} {promt}' }, /expected a text with \{completion\}/],
    ['an unknown side', { truncation_side: 'both' }, /truncation_side: .*expected left or right/],
    ['an empty range', { minimum: 1, maximum: 1 }, /maximum: .*a number over minimum 1/],
    [
      'no room',
      { input: 'pair', max_tokens: 3 },
      /reward\.yaml: has max_tokens 3, which leaves no room beside the special tokens/,
    ],
    [
      'more tokens than the model reads',
      { max_tokens: 1000 },
      /max_tokens 1000, more than max_position_embeddings 128/,
    ],
    ['a label that id2label lacks', { label: 'good' }, /reward\.yaml: has label 'good', but id2label names none/],
  ];
  for (const [what, options, message] of refusals) {
    test(what, async (t) => {
      await assert.rejects(encoderWith(t, options), (error: Error) => {
        assert.match(error.message, message);
        return true;
      });
    });
  }
});
