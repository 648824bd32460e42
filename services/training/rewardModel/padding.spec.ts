import assert from 'node:assert/strict';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { JudgedConversation, Tokenizer, setPadding } from '@gapo/model';
import { temporaryDirectory } from '@gapo/service/testing';
import { type PaddingCandidates, paddingId } from './padding.js';

/** 0 is its only special token, <|endoftext|>. */
const gpt2 = new URL('../../../../test/oracle/tokenizers/gpt2/tokenizer.json', import.meta.url);

async function padding(t: TestContext, end: string, candidates: PaddingCandidates): Promise<number | undefined> {
  const directory = await temporaryDirectory(t);
  await copyFile(gpt2, join(directory, 'tokenizer.json'));
  const template = `{% for m in messages %}{{ m['content'] }}${end}{% endfor %}`;
  const config = { tokenizer_class: 'PreTrainedTokenizerFast', chat_template: template, padding_side: 'left' };
  await writeFile(join(directory, 'tokenizer_config.json'), JSON.stringify(config));
  const tokenizer = await Tokenizer.read(directory);
  const found = await paddingId(candidates, tokenizer, new JudgedConversation(tokenizer));
  await setPadding(directory, found === undefined ? undefined : `token ${found}`);
  const written = JSON.parse(await readFile(join(directory, 'tokenizer_config.json'), 'utf8')) as object;
  const token = found === undefined ? {} : { pad_token: `token ${found}` };
  assert.deepEqual(written, { ...config, ...token, padding_side: 'right' });
  return found;
}

describe('the token that pads ends no conversation', () => {
  const end = '<|endoftext|>';
  test('where the chat template ends every turn alike', async (t) => {
    assert.equal(await padding(t, end, { pad_token_id: 5, eosIds: [0] }), 5);
    assert.equal(await padding(t, end, { bos_token_id: 7, eosIds: [0] }), 7);
    assert.equal(await padding(t, end, { pad_token_id: 0, bos_token_id: 0, eosIds: [0] }), 1);
    assert.equal(await padding(t, end, { pad_token_id: 5000, eosIds: [0] }), 1);
  });

  test('where a turn ends as its text does, and any ordinary token may be the last', async (t) => {
    assert.equal(await padding(t, '', { pad_token_id: 5, eosIds: [0] }), 0);
    assert.equal(await padding(t, '', { pad_token_id: 0, eosIds: [1] }), 0);
    assert.equal(await padding(t, '', { pad_token_id: 5, bos_token_id: null, eosIds: [1, 7] }), 0);
  });
});
