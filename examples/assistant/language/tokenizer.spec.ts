/** The tokenizer as its users load it: exact round trips, one id a special token, short sequences. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Tokenizer as PolicyTokenizer } from '@gapo/model';
import { Tokenizer } from 'tokenizers';
import { fitBytePairs } from './bpe.js';
import { labelledAnswers, prompts, sftExamples } from './corpus.js';
import { completionText, promptText, sequenceText, specialTokens } from './template.js';
import { fitAssistantEncoding, tokenizerFiles, vocabularySize } from './tokenizerFiles.js';

const encoding = fitAssistantEncoding(7);
const files = tokenizerFiles(encoding);
const tokenizer = Tokenizer.fromString(JSON.stringify(files['tokenizer.json']));
const encode = async (text: string) => (await tokenizer.encode(text, null, { addSpecialTokens: false })).getIds();
const lengths = async (texts: string[]) =>
  (await tokenizer.encodeBatch(texts, { addSpecialTokens: false })).map((encoded) => encoded.getLength());
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

test('the vocabulary is full, contiguous, and begins with the special tokens', async () => {
  assert.equal(encoding.vocabulary.size, vocabularySize);
  assert.deepEqual(
    [...encoding.vocabulary.values()],
    Array.from({ length: vocabularySize }, (_, id) => id),
  );
  for (const [id, token] of specialTokens.entries()) {
    assert.deepEqual(await encode(token), [id]);
    assert.equal(tokenizer.tokenToId(token), id);
  }
});

test('every generated text survives the round trip, of both splits', async () => {
  for (const split of ['training', 'heldout'] as const) {
    for (const { prompt, completion } of labelledAnswers(21, 2000, split)) {
      const text = sequenceText(prompt, completion);
      assert.equal(await tokenizer.decode(await encode(text), false), text);
      assert.equal(await tokenizer.decode(await encode(completion), true), completion);
    }
  }
});

test('text that the grammar never makes survives too', async () => {
  for (const text of [' ', 'Zürich → 東京 🙂', "don't  stop\n\tnow", '0123 \u0000 \u007f']) {
    assert.equal(await tokenizer.decode(await encode(text), false), text);
  }
});

test('a prompt and its answer, encoded apart and joined, are the encoded sequence', async () => {
  for (const { prompt, completion } of sftExamples(22, 500)) {
    const parts = ['<|bos|>', promptText(prompt), completionText(completion)];
    const apart = await Promise.all(parts.map(encode));
    assert.deepEqual(apart.flat(), await encode(sequenceText(prompt, completion)));
  }
});

test('sequences are short: requests within 24 tokens, answers within 48 and 28 on average', async () => {
  for (const split of ['training', 'heldout'] as const) {
    const answers = await lengths(sftExamples(23, 3000, split).map(({ completion }) => completionText(completion)));
    const requests = await lengths(prompts(split, 23, 1000).map(({ prompt }) => prompt));
    const compared = await lengths(labelledAnswers(23, 3000, split).map(({ completion }) => completion));
    assert.ok(Math.max(...requests) <= 24, `${split} requests: ${Math.max(...requests)}`);
    assert.ok(Math.max(...answers) <= 48 && mean(answers) <= 28, `${split} answers: ${mean(answers)}`);
    assert.ok(Math.max(...compared) <= 48, `${split} answers compared: ${Math.max(...compared)}`);
  }
});

test('fitting is deterministic, and ties go to the pair that comes first', () => {
  const fit = (texts: string[]) => fitBytePairs(texts, 258 + specialTokens.length, specialTokens).merges;
  assert.deepEqual(fit(['ab', 'xy', 'ab', 'xy']), fit(['xy', 'ab', 'xy', 'ab']));
  assert.deepEqual(fit(['xy', 'ab', 'xy', 'ab']), [
    ['a', 'b'],
    ['x', 'y'],
  ]);
  assert.throws(() => fitBytePairs([], 100, specialTokens), /vocabularySize: found 100, expected a whole number, 261/);
});

test('the script writes the same bytes twice, and the committed files are those of seed 7', () => {
  const script = fileURLToPath(new URL('./write.js', import.meta.url));
  const committed = fileURLToPath(new URL('../../', import.meta.url));
  const out = mkdtempSync(join(tmpdir(), 'gapo-language-'));
  try {
    execFileSync(process.execPath, [script, '--out', out, '--seed', '7']);
    for (const path of [
      'prompts/train.jsonl',
      'prompts/heldout.jsonl',
      'tokenizer/tokenizer.json',
      'tokenizer/tokenizer_config.json',
      'tokenizer/special_tokens_map.json',
    ]) {
      assert.deepEqual(readFileSync(join(out, path)), readFileSync(join(committed, path)), path);
    }
    const rows = readFileSync(join(out, 'prompts/train.jsonl'), 'utf8').trim().split('\n');
    assert.equal(rows.length, 1024);
    assert.deepEqual(Object.keys(JSON.parse(rows[0] ?? '') as object), ['id', 'prompt', 'kind']);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
});

test('a wrong argument is one clear line and exit code 2', () => {
  const script = fileURLToPath(new URL('./write.js', import.meta.url));
  for (const [args, message] of [
    [[], /^--out: not given, expected a directory/],
    [['--out', '/tmp', '--seed', 'seven'], /^--seed: found 'seven', expected a whole number such as 7/],
    [['--ouput', 'x'], /--ouput/],
  ] as const) {
    const { status, stderr } = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });
    assert.equal(status, 2);
    assert.match(stderr, message);
    assert.equal(stderr.trim().split('\n').length, 1);
  }
});

test('the chat template says in Jinja what template.ts says', async () => {
  const written = await PolicyTokenizer.read(fileURLToPath(new URL('../../tokenizer', import.meta.url)));
  const messages = [
    { role: 'user', content: 'How do I reset my badge here?' },
    { role: 'assistant', content: 'Open the badge portal.' },
  ];
  assert.equal(
    written.renderChat(messages, false),
    sequenceText('How do I reset my badge here?', 'Open the badge portal.'),
  );
  assert.equal(written.renderChat(messages.slice(0, 1), true), `<|bos|>${promptText('How do I reset my badge here?')}`);
  assert.throws(
    () => written.renderChat([{ role: 'tool', content: '' }], false),
    /role tool: expected user or assistant/,
  );
});
