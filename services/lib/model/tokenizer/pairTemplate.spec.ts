/** Two texts as one sequence: the derived template agrees with the tokenizer itself. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { temporaryDirectory } from '@gapo/service/testing';
import fc from 'fast-check';
import { Tokenizer as LibraryTokenizer } from 'tokenizers';
import { Tokenizer } from '../mod.js';
import { specialToken } from '../testing.fixture.js';

const special = (id: string, segment: number): object => ({ SpecialToken: { id, type_id: segment } });
const sequence = (id: string, segment: number): object => ({ Sequence: { id, type_id: segment } });

const template = {
  type: 'TemplateProcessing',
  single: [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0)],
  pair: [
    special('[CLS]', 0),
    sequence('A', 0),
    special('[SEP]', 0),
    special('[SEP]', 0),
    sequence('B', 1),
    special('[SEP]', 1),
  ],
  special_tokens: {
    '[CLS]': { id: '[CLS]', ids: [0], tokens: ['[CLS]'] },
    '[SEP]': { id: '[SEP]', ids: [1], tokens: ['[SEP]'] },
  },
};
const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true };
const cls = ['[CLS]', 0];
const sep = ['[SEP]', 1];

/** Letters, digits and two special tokens. */
function tokenizerJson(postProcessor: object | null): object {
  const letters = [...'abcdefghijklmnopqrstuvwxyz0123456789'];
  const added = ['[CLS]', '[SEP]'].map(specialToken);
  return {
    version: '1.0',
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: postProcessor,
    decoder: null,
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(['[CLS]', '[SEP]', ...letters].map((letter, id) => [letter, id])),
      merges: [],
    },
  };
}

async function tokenizerWith(t: TestContext, postProcessor: object | null): Promise<Tokenizer> {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, 'tokenizer.json'), JSON.stringify(tokenizerJson(postProcessor)));
  await writeFile(join(directory, 'tokenizer_config.json'), '{}');
  return Tokenizer.read(directory);
}

const word = fc.stringMatching(/^[a-z0-9]{1,12}$/);

describe("a tokenizer's template for two texts", () => {
  const processors = {
    TemplateProcessing: template,
    BertProcessing: { type: 'BertProcessing', cls, sep },
    'a sequence with a template': { type: 'Sequence', processors: [byteLevel, template] },
  };
  for (const [name, postProcessor] of Object.entries(processors)) {
    test(`${name}: ids and segments are the tokenizer's own`, async (t) => {
      const tokenizer = await tokenizerWith(t, postProcessor);
      const library = LibraryTokenizer.fromString(JSON.stringify(tokenizerJson(postProcessor)));
      await fc.assert(
        fc.asyncProperty(word, word, async (first, second) => {
          const own = await library.encode(first, second, { addSpecialTokens: true });
          const filled = tokenizer.pairTemplate?.fill(await tokenizer.encode(first), await tokenizer.encode(second));
          assert.deepEqual(filled, { ids: own.getIds(), segments: own.getTypeIds() });
        }),
      );
    });
  }

  test('an empty second text keeps its place between the special tokens', async (t) => {
    const { pairTemplate } = await tokenizerWith(t, template);
    assert.deepEqual(pairTemplate?.fill([2, 3], []), { ids: [0, 2, 3, 1, 1, 1], segments: [0, 0, 0, 0, 0, 1] });
    assert.equal(pairTemplate?.specialTokens, 4);
  });

  test('RoBERTa has two separators and a single segment', async (t) => {
    const { pairTemplate } = await tokenizerWith(t, {
      type: 'RobertaProcessing',
      cls,
      sep,
      trim_offsets: true,
      add_prefix_space: false,
    });
    assert.deepEqual(pairTemplate?.fill([2], [3]), { ids: [0, 2, 1, 1, 3, 1], segments: [0, 0, 0, 0, 0, 0] });
  });

  test('there is none if the second text is dropped, or nothing separates the two', async (t) => {
    for (const none of [null, byteLevel]) assert.equal((await tokenizerWith(t, none)).pairTemplate, undefined);
  });
});
