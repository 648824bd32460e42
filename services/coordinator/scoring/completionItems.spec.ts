// What a reward service receives for a completion, in both text forms, over a real connection.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tokenizer } from '@gapo/model';
import { tokenizerDirectory } from '@gapo/model/testing';
import { at, required } from '@gapo/numeric';
import type { Item } from '@gapo/rpc';
import { logger } from '@gapo/service';
import { rewardServer } from '../fixtures/world.fixture.js';
import { completionItems } from './completionItems.js';
import { RewardSource } from './rewardSource.js';
import { atOnce, scoreItems } from './scoring.js';

const tokenizer = await Tokenizer.read(tokenizerDirectory);
const turns = [
  { role: 'user', content: 'Where is the printer?' },
  { role: 'assistant', content: 'In room two.' },
  { role: 'user', content: 'And the badge?' },
];
const opened = required(tokenizer.renderChat(turns, true), 'the rendered prompt');
const closed = required(
  tokenizer.renderChat([...turns, { role: 'assistant', content: 'At the desk.' }], false),
  'the rendered conversation',
);
const metadata = { reference: 'desk', n: '3' };
const ended = closed.slice(opened.length).trimEnd();
const prompt = { text: 'And the badge?', turns, metadata, tokenIds: await tokenizer.encode(opened) };
const items = completionItems(tokenizer, [{ id: 'one', prompt, tokenIds: await tokenizer.encode(ended) }]);

test('clean: the last user turn and the reply without special tokens', async () => {
  assert.deepEqual(await items('clean'), [
    { id: 'one', prompt: 'And the badge?', completion: 'At the desk.', turns, metadata },
  ]);
});

test('raw: prompt and completion together are all that the policy read and wrote', async () => {
  const [{ prompt: asked, completion, ...context }] = (await items('raw')) as [Item];
  assert.deepEqual([asked, completion], [opened, ended]);
  assert.ok(completion.length > 'At the desk.'.length, completion);
  assert.deepEqual(context, { id: 'one', turns, metadata });
});

test('a service gets the form that the objective names, else the one that it describes', async (t) => {
  const received: Item[] = [];
  const sourceOf = async (textForm: 'TEXT_FORM_RAW' | undefined, text?: 'clean'): Promise<RewardSource> => {
    const answer = ({ items: asked }: { items: readonly Item[] }) => {
      received.push(...asked);
      return { results: asked.map(({ id }) => ({ id, score: 1 })) };
    };
    const { address: target } = await rewardServer(t, 'x', answer, textForm && { textForm });
    const source = new RewardSource({ objective: 'x', target, timeoutMs: 600_000, text, log: logger('test') });
    t.after(() => source.close());
    await source.describe('none');
    return source;
  };
  const sources = [
    await sourceOf('TEXT_FORM_RAW'),
    await sourceOf(undefined),
    await sourceOf('TEXT_FORM_RAW', 'clean'),
  ];
  const observer = { progress: () => undefined, scored: () => undefined };
  for (const source of sources) {
    const { signal } = new AbortController();
    await scoreItems([{ source, onFailure: 'fail' }], atOnce(1, items), 'a test', signal, observer);
  }
  const [raw, clean] = [at(await items('raw'), 0), at(await items('clean'), 0)];
  assert.deepEqual(received, [raw, clean, clean]);
});
