/**
 * The keys of tokenizer_config.json: those of published tokenizers, and those from which AutoTokenizer rebuilds components.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { required } from '@gapo/numeric';
import { temporaryDirectory } from '@gapo/service/testing';
import { z } from 'zod';
import type { KeyOptions } from '../knownKeys.js';
import { refused } from '../refusal.fixture.js';
import { Tokenizer } from './tokenizer.js';

const object = z.record(z.string(), z.unknown());
const ids = z.array(z.number());
const file = new URL('../../../../../test/oracle/values/tokenizer_config.json', import.meta.url);
/** Written by test/oracle/text/tokenizer_config.py. */
const { text, tokenizers, cases } = z
  .object({
    text: z.string(),
    tokenizers: z.record(z.string(), object),
    cases: z.array(
      z.object({ tokenizer: z.string(), modelType: z.string().optional(), config: object, ids, ownIds: ids }),
    ),
  })
  .parse(JSON.parse(readFileSync(file, 'utf8')));

/** Reads one of the tokenizers with a tokenizer_config.json. */
async function read(
  t: TestContext,
  config: object,
  options?: KeyOptions,
  name = 'byteLevel',
  modelType?: string,
): Promise<Tokenizer> {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, 'tokenizer.json'), JSON.stringify(required(tokenizers[name], name)));
  await writeFile(join(directory, 'tokenizer_config.json'), JSON.stringify(config));
  if (modelType !== undefined)
    await writeFile(join(directory, 'config.json'), JSON.stringify({ model_type: modelType }));
  return Tokenizer.read(directory, options);
}

/** Returns the ids of the text according to tokenizer.json alone. */
function ownIdsOf(name: string): readonly number[] {
  return required(
    cases.find(({ tokenizer }) => tokenizer === name),
    name,
  ).ownIds;
}

/** Keys as found on the Hub, by family. */
const published: Readonly<Record<string, object>> = {
  'Llama 2': {
    add_bos_token: true,
    add_eos_token: false,
    add_prefix_space: null,
    legacy: false,
    model_max_length: 1e30,
    padding_side: 'right',
    sp_model_kwargs: { enable_sampling: false },
    spaces_between_special_tokens: false,
    tokenizer_class: 'LlamaTokenizer',
    use_default_system_prompt: true,
  },
  'Qwen 2.5': {
    add_prefix_space: false,
    additional_special_tokens: ['<s>'],
    audio_bos_token: '<s>',
    errors: 'replace',
    image_token: { content: '<mask>', special: true, normalized: false, lstrip: false, rstrip: false },
    split_special_tokens: false,
    tokenizer_class: 'Qwen2Tokenizer',
  },
  'BERT and RoBERTa': {
    do_basic_tokenize: true,
    max_length: 128,
    model_input_names: ['input_ids', 'attention_mask'],
    never_split: ['x'],
    pad_to_multiple_of: 8,
    pad_token_type_id: 0,
    stride: 4,
    tokenizer_file: '/a/tokenizer.json',
    trim_offsets: true,
    truncation_strategy: 'longest_first',
  },
  'as transformers 5 and Unsloth write them': {
    backend: 'tokenizers',
    extra_special_tokens: {},
    fix_mistral_regex: false,
    is_local: true,
    local_files_only: true,
    processor_class: 'PixtralProcessor',
    response_schema: { type: 'object' },
    tokenizer_class: 'TokenizersBackend',
    unsloth_version: '2026.1',
  },
};

describe('tokenizer_config.json', () => {
  for (const [family, config] of Object.entries(published)) {
    test(`is read with the keys of ${family}`, async (t) => {
      assert.deepEqual(await (await read(t, config)).encode(text), ownIdsOf('byteLevel'));
    });
  }

  test('with a key that is unknown is refused by its name, unless it is empty, ignored or a classifier’s', async (t) => {
    const config = { lowercase_turkish: true, note: 'x', nothing: null, off: false, none: [] };
    const unknown =
      /tokenizer_config\.json: unknown keys lowercase_turkish \(true\), note \("x"\), which .* policy\.ignoreKeys/;
    await refused(read(t, config), unknown);
    await read(t, config, { ignoreKeys: ['lowercase_turkish', 'note'] });
    await read(t, config, { unknownKeys: 'accept' });
  });

  test('with a key that is not implemented is refused, and read as if it were absent on request', async (t) => {
    const split = /split_special_tokens is not supported: special tokens in a text become single ids, but it is true/;
    for (const unknownKeys of ['refuse', 'accept'] as const) {
      await refused(read(t, { split_special_tokens: true }, { unknownKeys }), split);
    }
    await refused(read(t, { fix_mistral_regex: true }), /fix_mistral_regex is not supported: .* but it is true/);
    const tokenizer = await read(t, { bos_token: '<s>', eos_token: '</s>' }, { ignoreKeys: ['bos_token'] });
    assert.equal(tokenizer.bosId, undefined);
  });

  for (const [index, { tokenizer: name, modelType, config, ids: right, ownIds }] of cases.entries()) {
    const described = JSON.stringify(
      Object.fromEntries(
        Object.entries({ ...config, ...(modelType && { modelType }) }).filter(
          ([key]) => !/_token$/.test(key) || key.startsWith('add_'),
        ),
      ),
    );
    test(`${index}: ${name} with ${described} encodes as AutoTokenizer, or is refused where it differs from tokenizer.json`, async (t) => {
      const keys = ['add_prefix_space', 'do_lower_case', 'strip_accents', 'tokenize_chinese_chars'];
      if (right.join() !== ownIds.join()) {
        const disagreement =
          /(add_prefix_space|do_lower_case|tokenize_chinese_chars) is (absent, for which \w+ of transformers takes )?(true|false)(, which \w+ of transformers follows)?, but tokenizer\.json says (true|false); correct/;
        await refused(read(t, config, {}, name, modelType), disagreement);
      }
      const options = right.join() === ownIds.join() ? {} : { ignoreKeys: keys };
      assert.deepEqual(await (await read(t, config, options, name, modelType)).encode(text), ownIds);
    });
  }
});
