// A judge behind a chat completions endpoint, in the response formats of various servers.
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { json, type Asked } from '@gapo/http/testing';
import { at } from '@gapo/numeric';
import { answering, client, deadlineMs, outcomes } from './testServer.fixture.js';

/** A server's response to a completion request: the first choice, or a whole response. */
type Said = { readonly choice: unknown } | { readonly answer: unknown; readonly status?: number };

const content = (text: unknown, more: object = {}): Said => ({
  choice: { index: 0, message: { role: 'assistant', content: text, tool_calls: [] }, finish_reason: 'stop', ...more },
});

const head =
  'objective: kind, protocol: chat, model: judge-1, rubric: How kind is it?, minimum: 0, maximum: 9, retries: 0';

/** A judge that gives every item the same answer, plus other keys of the file. */
async function judge(t: TestContext, said: Said, more = '') {
  const { url, asked } = await answering(t, (_, response) => {
    if ('choice' in said) json(response, { id: '1', object: 'chat.completion', choices: [said.choice], usage: {} });
    else json(response, said.answer, said.status);
  });
  const service = await client(t, `{ ${head}, url: '${url}'${more} }`, { token: 'secret' });
  return { service, url, asked };
}

/** The common outcome of all items; for an error, its message without the server. */
async function outcome(t: TestContext, said: Said, more?: string): Promise<unknown> {
  const { service, url } = await judge(t, said, more);
  const [first, ...others] = await outcomes(service);
  for (const other of others) assert.deepEqual(other, first);
  if (typeof first === 'number') return first;
  const { message } = first as { message: string };
  assert.ok(message.startsWith(`${url}: `), message);
  return message.slice(url.length + 2);
}

describe('the request', () => {
  test('has rubric and exchange, temperature 0 and a limit', async (t) => {
    const { service, asked } = await judge(t, content('{"score": 7}'));
    assert.deepEqual(await outcomes(service), [7, 7, 7]);
    const { body, headers } = asked.find(({ body }) => JSON.stringify(body).includes('bb')) as Asked;
    assert.equal(headers.authorization, 'Bearer secret');
    const { messages, ...settings } = body as { messages: { role: string; content: string }[] };
    assert.deepEqual(settings, { model: 'judge-1', temperature: 0, seed: 0, max_tokens: 64 });
    const [system, user] = messages;
    assert.match(system?.content ?? '', /^How kind is it\?\n\n[^]*\n\nAnswer with one JSON object .* from 0 to 9\}\.$/);
    const { prompt, completion } = JSON.parse(user?.content ?? '') as Record<string, unknown>;
    assert.deepEqual([prompt, completion], ['p', 'bb']);
    const { minimum, maximum, model } = await service.Describe({}, { deadlineMs });
    assert.deepEqual([minimum, maximum, model], [0, 9, 'chat: judge-1']);
  });

  test('has the parameters of the file; null leaves one out; a limit takes the place of the other', async (t) => {
    const bodyOf = async (more: string): Promise<Record<string, unknown>> => {
      const { service, asked } = await judge(t, content('{"score": 7}'), more);
      await outcomes(service);
      const { messages, ...settings } = at(asked, 0).body;
      assert.ok(messages);
      return settings;
    };
    const own = { model: 'judge-1', seed: 0, max_tokens: 64 };
    assert.deepEqual(await bodyOf(', parameters: { temperature: null, top_p: 0.5 }'), { ...own, top_p: 0.5 });
    assert.deepEqual(await bodyOf(', parameters: { temperature: null, seed: null, max_completion_tokens: 2000 }'), {
      model: 'judge-1',
      max_completion_tokens: 2000,
    });
    assert.deepEqual(
      await bodyOf(', parameters: { temperature: 1, chat_template_kwargs: { enable_thinking: false } }'),
      {
        ...own,
        temperature: 1,
        chat_template_kwargs: { enable_thinking: false },
      },
    );
    const { response_format: format } = await bodyOf(', format: json_schema');
    assert.deepEqual(format, {
      type: 'json_schema',
      json_schema: {
        name: 'grade',
        strict: true,
        schema: {
          type: 'object',
          properties: { score: { type: 'number' } },
          required: ['score'],
          additionalProperties: false,
        },
      },
    });
    const { logprobs, top_logprobs: alternatives } = await bodyOf(', scoring: logprobs');
    assert.deepEqual([logprobs, alternatives], [true, 20]);
  });

  test('is one message without a system role', async (t) => {
    const { service, asked } = await judge(t, content('{"score": 7}'), ', instructions: user');
    await outcomes(service);
    assert.deepEqual((at(asked, 0).body['messages'] as { role: string }[]).map(({ role }) => role), ['user']); // prettier-ignore
  });
});

describe('the answer', () => {
  test('in the forms of servers', async (t) => {
    const text = '{"score": 7}';
    const thinking = { type: 'thinking', thinking: [{ type: 'text', text: '{"score": 1}' }] };
    for (const parts of [
      [{ type: 'text', text }],
      [
        { type: 'text', text: '{"score"' },
        { type: 'text', text: ': 7}' },
      ],
      [thinking, { type: 'text', text }],
      [
        { type: 'reasoning', text: '{"score": 1}' },
        { type: 'output_text', text, annotations: [] },
      ],
    ])
      assert.equal(await outcome(t, content(parts)), 7);
    for (const field of ['reasoning_content', 'reasoning'])
      assert.equal(
        await outcome(t, { choice: { message: { content: text, [field]: '{"score": 1}' }, logprobs: null } }),
        7,
      );
    assert.equal(await outcome(t, content('<think>{"score": 1}</think>\n\n{"score": 7}')), 7);
    assert.equal(await outcome(t, { answer: { choices: [{ message: { content: text } }], error: null } }), 7);
  });

  test('that is cut off', async (t) => {
    const cut = { finish_reason: 'length' };
    assert.equal(
      await outcome(t, { choice: { message: { content: null, reasoning_content: 'Let me' }, ...cut } }),
      'the judge\'s answer was cut off at maxTokens 64: ""',
    );
    assert.match(
      String(await outcome(t, content('<think>Hm', cut), ', maxTokens: 9')),
      /cut off at maxTokens 9: "<think>Hm"/,
    );
    assert.match(
      String(await outcome(t, content('{"score": 7} or', cut), ', parameters: { max_completion_tokens: 5 }')),
      /cut off at max_completion_tokens 5/,
    );
    assert.match(
      String(await outcome(t, content('{"sc', cut), ', parameters: { max_tokens: null }')),
      /cut off at the server's longest length/,
    );
    assert.equal(await outcome(t, content('{"score": 7}', cut)), 7);
  });

  test('that is none', async (t) => {
    const none: readonly (readonly [Said, string | RegExp])[] = [
      [content(''), 'the judge gave an empty answer; expected {"score": number}'],
      [content(null), 'the judge gave an empty answer; expected {"score": number}'],
      [content([]), 'the judge gave an empty answer; expected {"score": number}'],
      [content("I can't help with that."), 'the judge answered "I can\'t help with that."; expected {"score": number}'],
      [{ choice: { message: { content: null, refusal: 'No.' } } }, 'the judge refused: "No."'],
      [content([{ type: 'refusal', refusal: 'No.' }]), 'the judge refused: "No."'],
      [content('{"score": 7}', { finish_reason: 'content_filter' }), /finish_reason is content_filter/],
      [content('{"score": 10}'), 'the judge gave the score 10; expected 0 to 9'],
      [content('{"score": -0.1}'), 'the judge gave the score -0.1; expected 0 to 9'],
      [{ answer: { choices: [] } }, 'the answer has no choices; expected a chat completion with one'],
      [
        { answer: { object: 'list', data: [] } },
        /^the answer is \{"object":"list","data":\[\]\}; expected a chat completion/,
      ],
      [{ choice: { message: { content: 7 } } }, /; expected a chat completion/],
      [{ choice: { text: '{"score": 7}' } }, /; expected a chat completion/],
    ];
    for (const [said, message] of none) {
      const found = await outcome(t, said);
      if (typeof message === 'string') assert.equal(found, message);
      else assert.match(String(found), message);
    }
  });

  test('that is an error with HTTP 200 may pass if its code says so', async (t) => {
    const errors = async (code: unknown): Promise<{ message: string; retryable: boolean }> => {
      const { service } = await judge(t, { answer: { error: { message: 'overloaded', code } } });
      return at(await outcomes(service), 0) as { message: string; retryable: boolean };
    };
    const overloaded = await errors(503);
    assert.match(overloaded.message, /score: HTTP 200: the answer is an error: \{"message":"overloaded","code":503\}$/);
    assert.deepEqual([overloaded.retryable, (await errors('model_not_found')).retryable], [true, false]);
  });

  test('weighted by the probabilities of the alternatives', async (t) => {
    const tokens = ['{"score": ', '7', '}'].map((token) => ({
      token,
      logprob: -0.5,
      bytes: [...Buffer.from(token)],
      top_logprobs: token === '7' ? [{ token: '7', logprob: Math.log(0.6) }, { token: '9', logprob: Math.log(0.2) }] : [], // prettier-ignore
    }));
    const more = ', scoring: logprobs';
    const found = await outcome(t, content('{"score": 7}', { logprobs: { content: tokens } }), more);
    assert.ok(Math.abs(Number(found) - (7 * 0.6 + 9 * 0.2) / 0.8) < 1e-12, String(found));
    assert.match(String(await outcome(t, content('{"score": 7}', { logprobs: null }), more)), /expected logprobs with top_logprobs/); // prettier-ignore
  });
});

test('a refusal of a key of the request says what to change in the file', async (t) => {
  const refusals: readonly (readonly [string, string, RegExp])[] = [
    ["Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", '', /set parameters: \{ max_completion_tokens: number \}/],
    ["'temperature' does not support 0 with this model", '', /parameters: \{ temperature: null \}$/],
    ['[{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]', '', /parameters: \{ seed: null \}$/],
    ['System role not supported', '', /set instructions: user/],
    ["'response_format.type' must be text", ', format: json_schema', /set format: text/],
    ['logprobs are not available', ', scoring: logprobs', /set scoring: text/],
  ]; // prettier-ignore
  for (const [message, more, hint] of refusals) {
    const found = String(await outcome(t, { answer: { error: { message } }, status: 400 }, more));
    assert.match(found, /^HTTP 400: \{"error":\{"message":/);
    assert.match(found, hint);
  }
  const other = String(await outcome(t, { answer: { error: "temperature: don't" }, status: 400 }, ', parameters: { temperature: null }')); // prettier-ignore
  assert.equal(other, `HTTP 400: {"error":"temperature: don't"}`);
});
