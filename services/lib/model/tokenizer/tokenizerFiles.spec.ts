import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '@gapo/service/testing';
import { refused } from '../refusal.fixture.js';
import { copyTokenizer, tokenizerFiles } from './tokenizerFiles.js';

test('the files of a tokenizer include the templates in a folder, and are copied with it', async (t) => {
  const [from, to] = [await temporaryDirectory(t), await temporaryDirectory(t)];
  const own = ['added_tokens.json', 'additional_chat_templates/tools.jinja', 'chat_template.json', 'merges.txt'].concat(
    ['special_tokens_map.json', 'spiece.model', 'tekken.json', 'tokenizer.json', 'tokenizer_config.json'],
  );
  const others = ['README.md', 'additional_chat_templates/README.md', 'config.json', 'generation_config.json'];
  await mkdir(join(from, 'additional_chat_templates'));
  for (const name of [...own, ...others]) await writeFile(join(from, name), name);
  assert.deepEqual(await tokenizerFiles(from), own);
  await copyTokenizer(from, to);
  assert.deepEqual(await tokenizerFiles(to), own);
  for (const name of own) assert.equal(await readFile(join(to, name), 'utf8'), name);
  await refused(tokenizerFiles(join(from, 'absent')), /absent: does not exist/);
});
