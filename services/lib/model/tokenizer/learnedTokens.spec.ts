/** The tokens of prompts and replies, for tokenizers and templates of the common families: the same as in transformers. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { at } from '@gapo/numeric';
import { temporaryDirectory } from '@gapo/service/testing';
import type { Turn } from './chatTemplate.js';
import type { Prompt } from './prompt.js';
import { TextCodec, type TokenSequence } from './textCodec.js';
import { Tokenizer } from './tokenizer.js';

interface Learned {
  readonly prompt: readonly number[];
  readonly completion: readonly number[];
}

interface Family {
  readonly name: string;
  readonly tokenizer: string;
  readonly template: string | null;
  readonly stops: readonly number[];
  readonly cases: readonly (
    | { readonly text: readonly [string, string]; readonly learned: readonly Learned[] }
    | { readonly messages: readonly Turn[]; readonly learned: readonly Learned[] }
  )[];
}

const values = JSON.parse(
  readFileSync(new URL('../../../../../test/oracle/values/conversations.json', import.meta.url), 'utf8'),
) as { readonly tokenizers: Readonly<Record<string, object>>; readonly families: readonly Family[] };

const learned = ({ promptIds, completionIds }: TokenSequence): Learned => ({
  prompt: promptIds,
  completion: completionIds,
});

for (const { name, tokenizer: kind, template, stops, cases } of values.families) {
  test(`${name}, with a ${kind} tokenizer`, async (t) => {
    const directory = await temporaryDirectory(t);
    await writeFile(join(directory, 'tokenizer.json'), JSON.stringify(values.tokenizers[kind]));
    const settings = { bos_token: '<s>', eos_token: '</s>', ...(template !== null && { chat_template: template }) };
    await writeFile(join(directory, 'tokenizer_config.json'), JSON.stringify(settings));
    const tokenizer = await Tokenizer.read(directory);
    const end = tokenizer.endId({ eosIds: stops });
    const codec = new TextCodec(tokenizer, { endIds: stops, endId: end, context: 4096 });
    assert.ok(cases.length > 0);
    for (const each of cases) {
      const found: TokenSequence[] = [];
      let exchange: { readonly prompt: Prompt; readonly completion: string };
      if ('text' in each) {
        const [text, completion] = each.text;
        exchange = { prompt: { text, turns: [{ role: 'user', content: text }] }, completion };
      } else {
        const [conversation] = await codec.conversations([each.messages]);
        assert.ok(conversation && 'value' in conversation, JSON.stringify(conversation));
        found.push(...conversation.value);
        assert.deepEqual(found.map(learned), each.learned);
        const turns = each.messages.slice(0, -1);
        exchange = { prompt: { text: undefined, turns }, completion: at(each.messages, turns.length).content };
      }
      // The last reply is encoded the same as a separate completion of its prompt, and as one of two completions.
      const wanted = at(each.learned, each.learned.length - 1);
      const [single] = await codec.learned([exchange]);
      assert.ok(single && 'value' in single, JSON.stringify(single));
      assert.deepEqual(learned(single.value), wanted);
      const { prompt, completion } = exchange;
      const [both] = await codec.completions([{ prompt, completions: [completion, completion] }]);
      assert.ok(both && 'value' in both);
      assert.deepEqual(both.value, { promptIds: wanted.prompt, completionIds: [wanted.completion, wanted.completion] });
    }
  });
}
