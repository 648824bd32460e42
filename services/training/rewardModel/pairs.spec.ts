/** Preference pairs: the meaning of each form, and errors with their place. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { JudgedConversation, Tokenizer, exchange } from '@gapo/model';
import { tokenizerDirectory } from '@gapo/model/testing';
import { at } from '@gapo/numeric';
import { isExpected } from '@gapo/service';
import { temporaryDirectory } from '@gapo/service/testing';
import { readPairs } from './pairs.js';

const tokenizer = await Tokenizer.read(tokenizerDirectory);
const conversation = new JudgedConversation(tokenizer);
const maxTokens = 64;

async function read(t: TestContext, ...lines: readonly unknown[]) {
  const file = join(await temporaryDirectory(t), 'pairs.jsonl');
  await writeFile(file, lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'));
  return (await readPairs([file], conversation, maxTokens)).pairs;
}

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });

test('a prompt and two answers are the same pair as texts, as messages and as whole conversations', async (t) => {
  const pairs = await read(
    t,
    { prompt: 'Where is it?', chosen: 'Here.', rejected: 'Go away.' },
    { prompt: [user('Where is it?')], chosen: [assistant('Here.')], rejected: [assistant('Go away.')] },
    { prompt: [user('Where is it?')], chosen: 'Here.', rejected: 'Go away.', score_chosen: 7 },
    {
      prompt: 'Where is it?',
      prompt_id: 'a',
      chosen: exchange('Where is it?', 'Here.'),
      rejected: exchange('Where is it?', 'Go away.'),
    },
    { chosen: exchange('Where is it?', 'Here.'), rejected: exchange('Where is it?', 'Go away.') },
  );
  assert.equal(pairs.length, 5);
  for (const pair of pairs) {
    assert.deepEqual(pair, {
      chosen: await conversation.encode(exchange('Where is it?', 'Here.'), maxTokens),
      rejected: await conversation.encode(exchange('Where is it?', 'Go away.'), maxTokens),
      opening: at(pairs, 0).opening,
    });
  }
});

test('the answer of a long conversation is encoded with all earlier turns, which share an opening', async (t) => {
  const opened = [user('Where is it?'), assistant('What?'), user('The badge.')];
  const [long, short] = await read(
    t,
    { prompt: opened, chosen: 'At the desk.', rejected: 'No idea.' },
    { prompt: opened.slice(0, 1), chosen: 'What?', rejected: 'Why?' },
  );
  assert.ok(long && short);
  assert.deepEqual(long.chosen, await conversation.encode([...opened, assistant('At the desk.')], maxTokens));
  assert.equal(long.opening, short.opening);
});

test('a prompt that is too long is truncated at its beginning, as in the service', async (t) => {
  const prompt = 'Where is the badge of the visitor? '.repeat(20);
  const { chosen } = at(await read(t, { prompt, chosen: 'Here.', rejected: 'Go away.' }), 0);
  assert.ok(chosen.length <= maxTokens && chosen.length > maxTokens - 3);
  assert.deepEqual(chosen, await conversation.encode(exchange(prompt, 'Here.'), maxTokens));
});

test('a conversation that is too long is refused, or its pair left out, where asked for', async (t) => {
  const prompt = 'Where is the badge of the visitor? '.repeat(20);
  const directory = await temporaryDirectory(t);
  const file = join(directory, 'pairs.jsonl');
  const rows = [
    { prompt, chosen: 'Here.', rejected: 'Go away.' },
    { prompt: 'Where?', chosen: 'Here.', rejected: 'Go away.' },
  ];
  await writeFile(file, rows.map((row) => JSON.stringify(row)).join('\n'));
  await assert.rejects(
    readPairs([file], conversation, maxTokens, { overlong: 'refuse' }),
    /:1: chosen: the conversation has more than 64 tokens; shorten it, or allow more/,
  );
  const { pairs, files } = await readPairs([file], conversation, maxTokens, { overlong: 'drop' });
  assert.deepEqual([pairs.length, files[0]?.dropped], [1, 1]);
});

test('each invalid line is named, with the field and what to do', async (t) => {
  const good = { prompt: 'a', chosen: 'b', rejected: 'c' };
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    ['{"prompt"', /:2: not JSON/],
    [['a'], /:2: found a list, expected an object/],
    [
      { prompt: 'a', chosen: 'b' },
      /:2: rejected: found nothing, expected a text or messages; the columns are prompt, chosen/,
    ],
    [{ ...good, chosen: null }, /:2: chosen: found nothing, expected a text or messages/],
    [{ ...good, chosen: [] }, /:2: chosen: found an empty list, expected messages \[/],
    [{ ...good, chosen: [{ content: 'b' }] }, /:2: chosen\[0\]\.role: found nothing, expected a role/],
    [
      { ...good, rejected: [{ role: 'assistant', content: ['c'] }] },
      /:2: rejected\[0\]\.content\[0\]: found a text, expected \{"type": "text", "text"\}/,
    ],
    [{ chosen: 'b', rejected: 'c' }, /:2: prompt: found nothing, and chosen and rejected have no common beginning/],
    [{ ...good, rejected: 'b' }, /:2: rejected: has the same tokens as chosen; remove the line/],
    [
      { chosen: [user('a')], rejected: exchange('a', 'b') },
      /:2: chosen: has 0 turns after the prompt, the last by "nobody"; expected one by "assistant"/,
    ],
    [
      { chosen: exchange('a', 'b'), rejected: exchange('c', 'd') },
      /:2: rejected: begins differently from chosen; a pair compares two replies to one prompt/,
    ],
    [{ ...good, chosen: 'word '.repeat(90) }, /:2: chosen: the last turn alone has more than 64 tokens; shorten it/],
    [{ ...good, prompt: [{ role: 'critic', content: 'a' }] }, /:2: chosen: the chat template refuses it: role critic/],
  ];
  for (const [line, message] of wrong) {
    await assert.rejects(read(t, good, line), (error: unknown) => {
      assert.ok(isExpected(error) && message.test(error.message), String(error));
      return true;
    });
  }
  await assert.rejects(read(t, ...Array<object>(9).fill({})), /:5: [^\n]*\nand 4 more rows$/);
});
