/** Training data: which tokens of each form are learned, and errors with their place. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { TextCodec, type TextTokenizer, Tokenizer } from '@gapo/model';
import { tokenizerDirectory } from '@gapo/model/testing';
import { at, required } from '@gapo/numeric';
import { UserError } from '@gapo/service';
import { temporaryDirectory } from '@gapo/service/testing';
import { readConversations } from './conversations.js';

async function read(t: TestContext, content: string, change: Partial<TextTokenizer> = {}) {
  const file = join(await temporaryDirectory(t), 'data.jsonl');
  await writeFile(file, content);
  const tokenizer = await Tokenizer.read(tokenizerDirectory);
  const { affixes, bosId, longestToken } = tokenizer;
  const changed: TextTokenizer = {
    affixes,
    bosId,
    longestToken,
    decode: (ids) => tokenizer.decode(ids),
    encodeAll: (texts) => tokenizer.encodeAll(texts),
    renderChat: (turns, openReply) => tokenizer.renderChat(turns, openReply),
    ...change,
  };
  const codec = new TextCodec(changed, { endId: 2, endIds: [2], context: 64 });
  return { tokenizer, ...(await readConversations([file], codec)) };
}

const lines = (...values: unknown[]): string => values.map((value) => JSON.stringify(value)).join('\n');

test('a prompt has the tokens that the sampler sees; its completion is learned including the end token', async (t) => {
  const { tokenizer, conversations } = await read(t, lines({ prompt: 'Where is it?', completion: 'Here.' }));
  assert.deepEqual(conversations, [
    [
      {
        promptIds: await tokenizer.encodePrompt('Where is it?'),
        completionIds: [...(await tokenizer.encode('Here.')), 2],
      },
    ],
  ]);
});

test('a text is learned from its second token on', async (t) => {
  const { tokenizer, conversations } = await read(t, lines({ text: 'The printer.' }));
  const [first, ...rest] = await tokenizer.encode('The printer.', { addSpecialTokens: true });
  assert.deepEqual(conversations, [[{ promptIds: [first], completionIds: [...rest, 2] }]]);
});

test('of a conversation, the assistant’s turns are learned, each with all earlier turns as its prompt', async (t) => {
  const messages = [
    { role: 'user', content: 'Where is it?' },
    { role: 'assistant', content: 'Here.' },
    { role: 'user', content: 'Thanks!' },
    { role: 'assistant', content: 'Welcome.' },
    { role: 'user', content: 'Bye.' },
  ];
  const { tokenizer, conversations } = await read(t, `\n${lines({ messages })}\n\n`);
  const [first, second, ...more] = at(conversations, 0);
  assert.deepEqual(more, []);
  assert.deepEqual(first, {
    promptIds: await tokenizer.encodePrompt('Where is it?'),
    completionIds: [...(await tokenizer.encode('Here.')), 2],
  });
  const rendered = required(tokenizer.renderChat(messages.slice(0, 3), true), 'a chat template');
  assert.deepEqual(second, {
    promptIds: await tokenizer.encode(rendered),
    completionIds: [...(await tokenizer.encode('Welcome.')), 2],
  });
});

test('text that a template writes after the end token is not learned', async (t) => {
  const renderChat: TextTokenizer['renderChat'] = (turns, openReply) =>
    turns.map(({ role, content }) => `${role}: ${content}${role === 'assistant' ? '<|end|>\n\n' : ' '}`).join('') +
    (openReply ? 'assistant: ' : '');
  const messages = [
    { role: 'user', content: 'Hello?' },
    { role: 'assistant', content: 'Here.' },
  ];
  const { tokenizer, conversations } = await read(t, lines({ messages }), { renderChat });
  assert.deepEqual(conversations[0]?.[0]?.completionIds, [...(await tokenizer.encode('Here.')), 2]);
});

test('each invalid line is named, with what was expected', async (t) => {
  const user = { role: 'user', content: 'a' };
  const wrong: readonly (readonly [unknown, RegExp, Partial<TextTokenizer>?])[] = [
    [
      { prompt: 'a' },
      /:2: completion: found nothing, expected a text; the columns are prompt; a line is \{"text"\}, \{"prompt"/,
    ],
    [{ words: 'a', source: 'web' }, /:2: found none of text, .*; the columns are words, source: map the right ones/],
    [{ messages: [user] }, /:2: no message after the first has the role assistant/],
    [{ prompt: 'a', completion: 'b', label: true }, /:2: label: an unpaired preference, as for KTO/],
    [{ chosen: 'ab', rejected: 'ac' }, /:2: chosen, rejected: pairs are for algorithm dpo and gapo reward train/],
    [{ prompt: 'a '.repeat(80), completion: 'b' }, /:2: it has \d+ tokens, the model's context is 64/],
    [
      { messages: [user, { role: 'assistant', content: 'b' }] },
      /:2: the model has no chat template/,
      { renderChat: () => undefined },
    ],
  ];
  for (const [value, message, change] of wrong) {
    await assert.rejects(
      read(t, lines({ text: 'The printer.' }, value), change),
      (error: unknown) => error instanceof UserError && message.test(error.message),
    );
  }
  await assert.rejects(read(t, '{"text": "a"}\n{"text"'), /:2: not JSON/);
  await assert.rejects(read(t, '\n'), /no lines; write/);
  await assert.rejects(read(t, Array(9).fill('{}').join('\n')), /:5: [^\n]*\nand 4 more rows$/);
});
