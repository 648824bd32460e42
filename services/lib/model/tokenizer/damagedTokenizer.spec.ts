/**
 * A damaged tokenizer.json is an error, or works. With some damage the library itself would kill the process, and this test
 * with it.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { temporaryDirectory } from '@gapo/service/testing';
import fc from 'fast-check';
import { refused } from '../refusal.fixture.js';
import { Tokenizer } from './tokenizer.js';

type Json = Record<string, unknown>;

const oracle = new URL('../../../../../test/oracle/tokenizers/', import.meta.url);
const fileOf = (family: string): Json =>
  JSON.parse(readFileSync(new URL(`${family}/tokenizer.json`, oracle), 'utf8')) as Json;

/** Reads a tokenizer whose file is the given one. */
async function reading(t: TestContext, json: unknown): Promise<Tokenizer> {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, 'tokenizer.json'), JSON.stringify(json));
  return Tokenizer.read(directory);
}

describe('damage on which the library ends the process is refused', () => {
  const decoder = (...decoders: object[]): object => ({ decoder: { type: 'Sequence', decoders } });
  const piece = { SpecialToken: { id: '<gone>', type_id: 0 } };
  for (const [name, change, message] of [
    [
      'an undeclared token',
      { post_processor: { type: 'TemplateProcessing', single: [piece], pair: [], special_tokens: {} } },
      /post_processor: TemplateProcessing uses the token "<gone>", which its special_tokens do not declare/,
    ],
    [
      'stripping behind',
      decoder({ type: 'Strip', content: ' ', start: 0, stop: 1 }),
      /decoder\.decoders\[0\]: Strip has stop 1/,
    ],
    ['an empty text in front', { normalizer: { type: 'Prepend', prepend: '' } }, /Prepend has nothing to prepend/],
    [
      'a token of which the normalizer leaves nothing',
      {
        normalizer: { type: 'Strip', strip_left: true, strip_right: true },
        added_tokens: [
          { id: 0, content: '  ', single_word: false, lstrip: false, rstrip: false, normalized: true, special: false },
        ],
      },
      /the normalizer leaves nothing of the added token " {2}"; set its normalized to false/,
    ],
    ['no map', { normalizer: { type: 'Precompiled' } }, /normalizer: Precompiled has no precompiled_charsmap/],
    ['a map that ends', { normalizer: { type: 'Precompiled', precompiled_charsmap: 'AAAA' } }, /ends within its trie/],
    [
      'a map that leads nowhere',
      {
        normalizer: {
          type: 'Precompiled',
          precompiled_charsmap: Buffer.from([4, 0, 0, 0, 0, 255, 255, 127]).toString('base64'),
        },
      },
      /whose trie leads outside of it/,
    ],
    [
      'an unknown component',
      { pre_tokenizer: { type: 'Sentences' } },
      /pre_tokenizer: the type "Sentences" is not supported/,
    ],
  ] as const) {
    test(name, async (t) => {
      await refused(reading(t, { ...fileOf('llama3'), ...change }), message);
    });
  }

  test('dropout, which is not damage, is refused too: a text would have different tokens each time', async (t) => {
    const json = fileOf('llama3');
    await refused(reading(t, { ...json, model: { ...(json['model'] as Json), dropout: 0.1 } }), /BPE has dropout 0\.1/);
  });
});

/** Returns the paths of a file's parts, without most of its vocabulary. */
function pathsOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [];
  const entries = Object.entries(value);
  return entries
    .filter((_, i) => entries.length <= 40 || i < 3)
    .flatMap(([key, item]) => [[...path, key], ...pathsOf(item, [...path, key])]);
}

function damaged(json: Json, path: readonly string[], value: unknown): Json {
  const copy = structuredClone(json);
  const holder = path.slice(0, -1).reduce<Json>((object, key) => object[key] as Json, copy);
  const last = path.at(-1) ?? '';
  if (value === undefined) delete holder[last];
  else holder[last] = value;
  return copy;
}

for (const family of ['llama3', 'mistral', 'unigram', 'wordpiece', 'wordlevel', 'gemma']) {
  test(`${family}: a value that is missing or replaced`, async (t) => {
    const json = fileOf(family);
    const replacement = fc.constantFrom(
      undefined,
      null,
      0,
      -1,
      1,
      0.5,
      2 ** 32 - 1,
      '',
      'a',
      [],
      {},
      true,
      { String: '' },
      { Regex: '(' },
    );
    const damage = fc.tuple(fc.constantFrom(...pathsOf(json)), replacement);
    await fc.assert(
      fc.asyncProperty(damage, async ([path, value]) => {
        const tokenizer = await reading(t, damaged(json, path, value)).catch((error: unknown) => {
          assert.ok(error instanceof Error && error.name === 'ModelError', String(error));
        });
        for (const text of ['', 'hello 123 é😀 </s>\n  x']) {
          const ids = await tokenizer?.encode(text, { addSpecialTokens: true }).catch(() => []);
          await tokenizer?.decode(ids ?? []);
        }
      }),
      { numRuns: 60, seed: 5 },
    );
  });
}
