/** The forms of rows: what each tool of the field writes, and which key of a row is wrong. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { UserError } from '@gapo/service';
import { Columns } from './columns.js';
import { learnedForm } from './learnedForm.js';
import { preferenceForm } from './preferenceForm.js';
import { promptForm } from './promptForm.js';

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });
const system = (content: string) => ({ role: 'system', content });
const hh = '\n\nHuman: Hello?\n\nAssistant: Hi.\n\nHuman: Bye?\n\nAssistant:';
const hhTurns = [user('Hello?'), assistant('Hi.'), user('Bye?')];
const conversation = [system('s'), user('a'), assistant('b'), user('c'), assistant('d')];
const transposed = { role: conversation.map(({ role }) => role), content: conversation.map(({ content }) => content) };

describe('prompts', () => {
  for (const [what, row, turns, text] of [
    ['a text', { prompt: 'a' }, [user('a')], 'a'],
    ['messages', { prompt: [system('s'), user('a')] }, [system('s'), user('a')], undefined],
    ['a conversation without its last reply', { messages: conversation }, conversation.slice(0, -1), undefined],
    ['an object of lists, as datasets stores them', { messages: transposed }, conversation.slice(0, -1), undefined],
    [
      'ShareGPT',
      {
        conversations: [
          { from: 'system', value: 's' },
          { from: 'human', value: 'a' },
          { from: 'gpt', value: 'b' },
        ],
      },
      [system('s'), user('a')],
      undefined,
    ],
    ['Alpaca', { instruction: 'Add.', input: '1 2', output: '3' }, [user('Add.\n\n1 2')], 'Add.\n\n1 2'],
    ['Alpaca without input', { instruction: 'Add.', input: '', output: '3' }, [user('Add.')], 'Add.'],
    [
      'ShareGPT with the system turn in a column',
      { conversations: [{ from: 'human', value: 'a' }, { from: 'gpt', value: 'b' }], system: 's' }, // prettier-ignore
      [system('s'), user('a')],
      undefined,
    ],
    ['a system turn in both places', { messages: conversation, system: 's' }, conversation.slice(0, -1), undefined],
    [
      "Alpaca with LLaMA-Factory's columns",
      { instruction: 'c', input: '', output: 'd', system: 's', history: [['a', 'b']] },
      conversation.slice(0, -1),
      undefined,
    ],
    ['Alpaca with those columns empty', { instruction: 'a', system: '', history: [] }, [user('a')], 'a'],
    ['text', { text: 'a' }, [user('a')], 'a'],
    ['a transcript', { prompt: hh }, hhTurns, hh],
    ['transcripts of pairs', { chosen: `${hh} See you.`, rejected: `${hh} No.` }, hhTurns, undefined],
    [
      'conversations of pairs',
      { chosen: [user('a'), assistant('b')], rejected: [user('a'), assistant('c')] },
      [user('a')],
      undefined,
    ],
    [
      'texts of pairs, cut as TRL does',
      { chosen: 'The sky is blue.', rejected: 'The sky is green.' },
      [user('The sky is')],
      'The sky is',
    ],
    [
      'parts that are texts',
      { prompt: [{ role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'text', text: 'b' }] }] }, // prettier-ignore
      [user('ab')],
      undefined,
    ],
    ['columns without a value', { prompt: 'a', messages: null, tools: [] }, [user('a')], 'a'],
  ] as const) {
    test(what, () => assert.deepEqual(promptForm(new Columns(row)), { text, turns }));
  }

  test('mapped columns are read, and what is left is metadata', () => {
    const columns = new Columns(
      { question: 'a', prompt: 'old', answer: '4', level: { x: 1 }, none: null },
      { prompt: 'question' },
    );
    assert.deepEqual(promptForm(columns).turns, [user('a')]);
    assert.deepEqual(columns.metadata, { prompt: 'old', answer: '4', level: '{"x":1}' });
  });

  test('metadata that nests too deeply is refused', () => {
    let deep: unknown = 'a';
    for (let i = 0; i < 100_000; i++) deep = [deep];
    const { metadata } = new Columns({ prompt: 'a', scores: [[1]] });
    assert.equal(metadata['scores'], '[[1]]');
    assert.throws(() => new Columns({ deep }).metadata, { name: 'UserError', message: /^deep: nests too deeply/ });
  });

  for (const [row, message] of [
    [{ question: 'a' }, /^prompt: found nothing, expected one of .*; the columns are question: name the right one/],
    [{ prompt: '' }, /^prompt: found nothing|^prompt: found an empty text/],
    [{ prompt: 7 }, /^prompt: found number 7, expected messages/],
    [{ prompt: { 0: 'a' } }, /^prompt: found an object, expected messages/],
    [{ prompt: [user('a'), assistant('b')] }, /^prompt: the last turn is the assistant's/],
    [{ prompt: ['a'] }, /^prompt\[0\]: found a text, expected \{"role", "content"\}/],
    [{ prompt: [{ content: 'a' }] }, /^prompt\[0\]\.role: found nothing, expected a role/],
    [{ prompt: [{ role: 'user' }] }, /^prompt\[0\]\.content: found nothing, expected a text/],
    [
      { prompt: [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }] },
      /^prompt\[0\]\.content\[0\]: found a part of type "image_url"/,
    ],
    [{ messages: [user('a'), { role: 'tool', content: '4' }] }, /^messages\[1\]\.role: "tool" is a tool's turn/],
    [
      { messages: [user('a'), { ...assistant(''), tool_calls: [{ id: '1' }] }] },
      /^messages\[1\]\.tool_calls: tool calls cannot be trained on/,
    ],
    [
      { messages: [user('a'), { ...assistant('b'), reasoning_content: 'c' }] },
      /^messages\[1\]\.reasoning_content: write/,
    ],
    [{ messages: [user('a')], tools: [{ name: 'f' }] }, /^tools: found a list; tool calls cannot be trained on/],
    [{ messages: [assistant('b')] }, /^messages: has no turn before the reply/],
    [{ conversations: [{ from: 'bard', value: 'a' }] }, /^conversations\[0\]\.from: found another speaker/],
    [{ messages: conversation, system: 'z' }, /^system: the conversation begins with another system turn/],
    [{ instruction: 'a', history: [['b']] }, /^history\[0\]: found a list, expected a question and its answer/],
    [{ prompt: 'a\ud83d' }, /^prompt: has half of a surrogate pair/],
  ] as const) {
    test(`${JSON.stringify(row)} is refused: ${String(message)}`, () => {
      assert.throws(
        () => promptForm(new Columns(row)),
        (error: unknown) => error instanceof UserError && message.test(error.message),
      );
    });
  }
});

describe('rows to learn', () => {
  const prompt = { text: 'a', turns: [user('a')] };
  const learned = <T extends object>(turn: T, value = true) => ({ ...turn, learned: value });
  for (const [what, row, form] of [
    ['a text', { text: 'a' }, { text: 'a' }],
    ['texts', { prompt: 'a', completion: 'b' }, { prompt, completion: 'b' }],
    [
      'messages',
      { prompt: [user('a')], completion: [assistant('b')] },
      { prompt: { ...prompt, text: undefined }, completion: 'b' },
    ],
    [
      'a completion of several turns',
      { prompt: [user('a')], completion: [assistant('b'), user('c'), assistant('d')] },
      {
        turns: [learned(user('a'), false), ...[assistant('b'), user('c'), assistant('d')].map((turn) => learned(turn))],
      },
    ],
    [
      'a conversation, also next to its prompt',
      { prompt: 'a', messages: [user('a')] },
      { turns: [learned(user('a'))] },
    ],
    [
      'a turn with weight 0',
      { messages: [user('a'), { ...assistant('b'), weight: 0 }] },
      { turns: [learned(user('a')), learned(assistant('b'), false)] },
    ],
    ['Alpaca', { instruction: 'a', output: 'b' }, { prompt, completion: 'b' }],
    [
      'Alpaca with a system turn',
      { instruction: 'a', output: 'b', system: 's' },
      { prompt: { text: undefined, turns: [system('s'), user('a')] }, completion: 'b' },
    ],
    [
      'ShareGPT with the system turn in a column',
      { conversations: [{ from: 'human', value: 'a' }], system: 's' },
      { turns: [learned(system('s')), learned(user('a'))] },
    ],
  ] as const) {
    test(what, () => assert.deepEqual(learnedForm(new Columns(row)), form));
  }
});

describe('preferences', () => {
  const expected = { prompt: { text: undefined, turns: [system('s'), user('a')] }, chosen: 'b', rejected: 'c' };
  const [chosen, rejected] = [
    [user('a'), assistant('b')],
    [user('a'), assistant('c')],
  ];
  for (const [what, row] of [
    ['whole conversations', { chosen: [system('s'), ...chosen], rejected: [system('s'), ...rejected] }],
    [
      'a prompt of messages',
      { prompt: [system('s'), user('a')], chosen: [assistant('b')], rejected: [assistant('c')] },
    ],
    [
      'a prompt with a system turn that the conversations leave out',
      { prompt: [system('s'), user('a')], chosen, rejected },
    ],
    ['texts after messages', { prompt: [system('s'), user('a')], chosen: 'b', rejected: 'c' }],
  ] as const) {
    test(what, () => assert.deepEqual(preferenceForm(new Columns(row)), expected));
  }

  test('a text next to its conversations, as in UltraFeedback', () => {
    const { prompt } = preferenceForm(new Columns({ prompt: 'a', chosen, rejected, score_chosen: 7 }));
    assert.deepEqual(prompt.turns, [user('a')]);
  });

  for (const [row, message] of [
    [{ prompt: 'a', completion: 'b', label: true }, /^completion, label: an unpaired preference, as for KTO/],
    [{ prompt: [user('z')], chosen, rejected }, /^prompt: differs from what chosen and rejected begin with/],
    [{ prompt: 'a', chosen: 'b', rejected: [assistant('c')] }, /^rejected: found a list, expected what chosen is/],
    [{ chosen, rejected: chosen }, /^rejected: is the same conversation as chosen/],
    [{ chosen: 'same', rejected: 'same' }, /^rejected: is the same text as chosen/],
    [
      { chosen: [...chosen, user('x'), assistant('y')], rejected },
      /^chosen: has 3 turns after the prompt, the last by "assistant"; expected one by "assistant"/,
    ],
  ] as const) {
    test(`${JSON.stringify(row)} is refused: ${String(message)}`, () => {
      assert.throws(
        () => preferenceForm(new Columns(row)),
        (error: unknown) => error instanceof UserError && message.test(error.message),
      );
    });
  }
});
