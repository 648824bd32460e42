import assert from 'node:assert/strict';
import { test } from 'node:test';
import { required } from '@gapo/numeric';
import { tokenizerDirectory } from '../testing.fixture.js';
import { exchange } from './chatTemplate.js';
import { JudgedConversation } from './judgedConversation.js';
import { Tokenizer } from './tokenizer.js';

const tokenizer = await Tokenizer.read(tokenizerDirectory);
const conversation = new JudgedConversation(tokenizer);
const turns = [
  { role: 'user', content: 'Where is the printer?' },
  { role: 'assistant', content: 'In room two.' },
  ...exchange('And the badge?', 'At the front desk.'),
];
const rendered = (some: typeof turns): Promise<number[]> =>
  tokenizer.encode(required(tokenizer.renderChat(some, false), 'the rendered conversation'));
const whole = await rendered(turns);

test('a conversation that fits is rendered whole', async () => {
  assert.deepEqual(await conversation.encode(turns, whole.length), whole);
});

test('a longer one is truncated from its beginning, up to its last turn', async () => {
  const emptied = turns.map(({ role, content }, i) => ({ role, content: i < turns.length - 1 ? '' : content }));
  const least = (await rendered(emptied)).length;
  assert.equal(await conversation.encode(turns, least - 1), undefined);
  for (let most = least; most < whole.length; most++) {
    const ids = required(await conversation.encode(turns, most), `at most ${most} tokens`);
    assert.ok(ids.length <= most && ids.length >= most - 2, `${ids.length} of ${most}`);
    const text = await tokenizer.decode(ids);
    assert.ok(text.endsWith('At the front desk.'), text);
    assert.ok('Where is the printer?In room two.And the badge?At the front desk.'.endsWith(text), text);
  }
});
