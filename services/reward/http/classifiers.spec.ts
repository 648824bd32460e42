// Reward models behind vLLM and SGLang: the requests, and which number of the response is the score. test/engines tests against vLLM
// itself.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { json, type Asked } from '@gapo/http/testing';
import { at } from '@gapo/numeric';
import { temporaryDirectory } from '@gapo/service/testing';
import { tinyTokens, writeTinyClassifier } from '../onnx/tinyClassifier.fixture.js';
import { openHttpScorer } from './httpScorer.js';
import { answering, answeringAsVllm, client, deadlineMs, file, items, outcomes } from './testServer.fixture.js';

type Response = Parameters<typeof json>[0];

/** A directory with a byte tokenizer and a chat template. */
async function tokenizerFor(t: Parameters<typeof temporaryDirectory>[0]): Promise<string> {
  const directory = await temporaryDirectory(t);
  await writeTinyClassifier(directory, {});
  return directory;
}

const chats = items.map(({ prompt, completion }) => tinyTokens(prompt, completion));
const failed = (url: string, message: string): unknown => ({ message: `${url}: ${message}`, retryable: false });

/** A response of vLLM's /classify with one number per sequence: its number of tokens. */
const lengths = ({ body }: Asked, response: Response): void =>
  json(response, { object: 'list', data: (body['input'] as number[][]).map((ids, index) => ({ index, label: 'LABEL_0', probs: [ids.length], num_classes: 1 })) }); // prettier-ignore

describe('vLLM', () => {
  test('/classify is asked for raw numbers of the tokens that the chat template makes', async (t) => {
    const tokenizer = await tokenizerFor(t);
    const { url, asked } = await answeringAsVllm(t, lengths);
    const yaml = `{ objective: x, protocol: vllm-classify, url: '${url}', model: reward, encoding: { tokenizer: '${tokenizer}', maxTokens: 64 }, parameters: { priority: 1 } }`;
    const service = await client(t, yaml);
    assert.deepEqual(await outcomes(service), chats.map(({ length }) => length)); // prettier-ignore
    assert.deepEqual(
      asked().map(({ body }) => body),
      [{ model: 'reward', input: chats, use_activation: false, priority: 1 }],
    );
    const { model, maxTokens, minimum } = await service.Describe({}, { deadlineMs });
    assert.deepEqual([model, maxTokens, minimum], ['vllm-classify: reward', 64, undefined]);
  });

  test('the version changes with the tokenizer, unless the file states one', async (t) => {
    const tokenizer = await tokenizerFor(t);
    const yaml = `objective: x, protocol: vllm-classify, url: 'http://x', encoding: { tokenizer: '${tokenizer}', maxTokens: 64 }`;
    const path = await file(t, `{ ${yaml} }`);
    const versionOf = async (of: string): Promise<string> => {
      const scorer = await openHttpScorer({ path: of });
      await scorer.close();
      return scorer.description.version;
    };
    const before = await versionOf(path);
    assert.match(before, /^[0-9a-f]{16}\+[0-9a-f]{16}$/);
    const settings = join(tokenizer, 'tokenizer_config.json');
    const { chat_template: template, ...rest } = JSON.parse(await readFile(settings, 'utf8')) as Record<string, string>;
    await writeFile(settings, JSON.stringify({ ...rest, chat_template: `${template}{# another #}` }));
    const after = await versionOf(path);
    assert.equal(after.slice(0, 17), before.slice(0, 17));
    assert.notEqual(after, before);
    assert.equal(await versionOf(await file(t, `{ ${yaml}, version: '3' }`)), '3');
  });

  test('the earliest turns lose characters of an item that is too long, and one that cannot fit is an error of its own', async (t) => {
    const tokenizer = await tokenizerFor(t);
    const { url, asked } = await answeringAsVllm(t, lengths);
    const limit = at(chats, 1).length;
    const yaml = `objective: x, protocol: vllm-classify, url: '${url}'`;
    const head = `encoding: { tokenizer: '${tokenizer}', maxTokens: ${limit}`;
    assert.deepEqual(await outcomes(await client(t, `{ ${yaml}, ${head} } }`)), [limit - 1, limit, limit]);
    assert.deepEqual(await outcomes(await client(t, `{ ${yaml}, ${head}, truncate: none } }`)), [
      limit - 1,
      limit,
      {
        message: `the item is longer than encoding.maxTokens ${limit}; shorten it to be scored`,
        retryable: false,
      },
    ]);
    assert.deepEqual(asked()[1]?.body['input'], chats.slice(0, 2));
  });

  test('the server renders one conversation a request, without opening another reply', async (t) => {
    const { url, asked } = await answeringAsVllm(t, (_, response) =>
      json(response, { data: [{ index: 0, label: null, probs: [0.5], num_classes: 1 }] }),
    );
    const yaml = `{ objective: x, protocol: vllm-classify, url: '${url}', encoding: server, concurrency: 1 }`;
    assert.deepEqual(await outcomes(await client(t, yaml)), [0.5, 0.5, 0.5]);
    assert.deepEqual(
      asked().map(({ body }) => body),
      items.map(({ prompt, completion }) => ({
        messages: [{ role: 'user', content: prompt }, { role: 'assistant', content: completion }],
        add_generation_prompt: false,
        add_special_tokens: false,
        use_activation: false,
      })),
    ); // prettier-ignore
  });

  test('/pooling names its task, and the numbers of the last token count where each has some', async (t) => {
    const tokenizer = await tokenizerFor(t);
    const { url, asked } = await answeringAsVllm(t, ({ body }, response) =>
      json(response, {
        data: (body['input'] as number[][]).map((ids, index) => ({
          index,
          object: 'pooling',
          data: body['task'] === 'classify' ? [ids.length, -1] : ids.map((_, i) => [i, -1]),
        })),
      }),
    );
    const yaml = `objective: x, protocol: vllm-pooling, url: '${url}', column: 0, encoding: { tokenizer: '${tokenizer}', maxTokens: 64 }`;
    assert.deepEqual(await outcomes(await client(t, `{ ${yaml} }`)), chats.map(({ length }) => length)); // prettier-ignore
    const byToken = await client(t, `{ ${yaml}, task: token_classify }`);
    assert.deepEqual(await outcomes(byToken), chats.map(({ length }) => length - 1)); // prettier-ignore
    const common = { input: chats, use_activation: false, encoding_format: 'float' };
    assert.deepEqual(
      asked().map(({ body }) => body),
      [{ ...common, task: 'classify' }, { ...common, task: 'token_classify' }], // prettier-ignore
    );
  });

  test('a server that ignores use_activation, and so answers with probabilities, is refused by name', async (t) => {
    const { url, asked } = await answering(t, (_, response) => json(response, { data: [{ index: 0, score: 0.5 }] }));
    const found = await outcomes(await client(t, `{ objective: x, protocol: vllm-score, url: '${url}' }`));
    const details = 'HTTP 200: the server does not know use_activation: it answers with probabilities in place of raw numbers; update vLLM'; // prettier-ignore
    assert.deepEqual(found, items.map(() => failed(url, details))); // prettier-ignore
    assert.equal(asked.length, 1);
  });

  test('a server is asked once whether it knows use_activation', async (t) => {
    const { url, asked } = await answering(t, ({ body }, response) =>
      typeof body['use_activation'] === 'string'
        ? json(response, { error: { message: 'use_activation: not a valid boolean' } }, 400)
        : json(response, { data: [0, 1, 2].map((index) => ({ index, score: index })) }),
    );
    const service = await client(t, `{ objective: x, protocol: vllm-score, url: '${url}' }`);
    assert.deepEqual([await outcomes(service), await outcomes(service)], [[0, 1, 2], [0, 1, 2]]); // prettier-ignore
    assert.deepEqual(asked.map(({ body }) => typeof body['use_activation']), ['string', 'boolean', 'boolean']); // prettier-ignore
  });

  test('/score is asked about prompt and completion', async (t) => {
    const { url, asked } = await answeringAsVllm(t, (_, response) =>
      json(response, { data: [0, 1, 2].map((index) => ({ index, object: 'score', score: index - 1 })) }),
    );
    assert.deepEqual(await outcomes(await client(t, `{ objective: x, protocol: vllm-score, url: '${url}' }`)), [-1, 0, 1]); // prettier-ignore
    assert.deepEqual(asked()[0]?.body, {
      text_1: ['p', 'p', 'p'],
      text_2: ['a', 'bb', 'ccc'],
      use_activation: false,
    });
    const bounded = await client(t, `{ objective: x, protocol: vllm-score, url: '${url}', activation: sigmoid }`);
    assert.deepEqual(
      await outcomes(bounded),
      [-1, 0, 1].map((x) => 1 / (1 + Math.exp(-x))),
    );
    const { minimum, maximum } = await bounded.Describe({}, { deadlineMs });
    assert.deepEqual([minimum, maximum], [0, 1]);
  });
});

test("SGLang's /classify is asked with token ids, and answers with raw numbers", async (t) => {
  const tokenizer = await tokenizerFor(t);
  const { url, asked } = await answering(
    t,
    ({ body }, response) =>
    json(response, (body['input_ids'] as number[][]).map(({ length }) => ({ embedding: [length], meta_info: { prompt_tokens: length } }))), // prettier-ignore
  );
  const yaml = `{ objective: x, protocol: sglang-classify, url: '${url}', encoding: { tokenizer: '${tokenizer}', maxTokens: 64 } }`;
  assert.deepEqual(await outcomes(await client(t, yaml)), chats.map(({ length }) => length)); // prettier-ignore
  assert.deepEqual(asked.map(({ body }) => body), [{ input_ids: chats }]); // prettier-ignore
});

describe('the numbers of an item', () => {
  const probs = async (t: Parameters<typeof answeringAsVllm>[0], text: string, keys = ''): Promise<unknown> => {
    const { url } = await answeringAsVllm(t, (_, response) =>
      response.end(`{"data": [${[0, 1, 2].map((index) => `{"index": ${index}, "probs": ${index === 1 ? text : '[1, 2]'}}`).join()}]}`),
    ); // prettier-ignore
    const tokenizer = await tokenizerFor(t);
    const yaml = `{ objective: x, protocol: vllm-classify, url: '${url}', encoding: { tokenizer: '${tokenizer}', maxTokens: 64 }, column: 1${keys} }`;
    const [first, second, third] = await outcomes(await client(t, yaml));
    assert.deepEqual([typeof first, third], ['number', first], 'other items keep their scores');
    const message = (second as { message?: string }).message;
    return message === undefined ? second : message.slice(url.length + 2);
  };

  test('have the score at a column', async (t) => {
    assert.equal(await probs(t, '[3, 4]'), 4);
    assert.equal(await probs(t, '[NaN, 4]'), 4);
    assert.equal(await probs(t, '[0, 4]', ', activation: sigmoid'), 1 / (1 + Math.exp(-4)));
    assert.equal(await probs(t, '[0, 4]', ', activation: softmax'), Math.exp(0) / (Math.exp(-4) + Math.exp(0)));
  });

  test('are as many as an answer has room for', async (t) => {
    const many = `[${'0,'.repeat(999_999)}0]`;
    assert.equal(await probs(t, many, ', activation: softmax'), 1e-6);
  });

  test('that are missing or not finite are an error, never a number', async (t) => {
    const finite = (value: string): string => `the score is ${value}; expected a finite number`;
    const expected: readonly (readonly [string, string, string?])[] = [
      ['[3, NaN]', finite('NaN')],
      ['[3, null]', finite('null')],
      ['[3, "4"]', finite('"4"')],
      ['[3, 1e999]', finite('Infinity')],
      ['[NaN, 4]', finite('NaN'), ', activation: softmax'],
      ['[]', 'the answer for the item is []; expected a list of numbers'],
      ['null', 'the answer for the item is null; expected a list of numbers'],
      ['[3]', 'the answer for the item has 1 numbers, but no column 1'],
    ];
    for (const [text, message, keys] of expected) assert.equal(await probs(t, text, keys), message);
  });

  test('out of order, too few or without a place are an error', async (t) => {
    const tokenizer = await tokenizerFor(t);
    const messageOf = async (data: unknown): Promise<string[]> => {
      const { url } = await answeringAsVllm(t, (_, response) => json(response, { data }));
      const yaml = `{ objective: x, protocol: vllm-classify, url: '${url}', encoding: { tokenizer: '${tokenizer}', maxTokens: 64 } }`;
      return (await outcomes(await client(t, yaml))).map((one) =>
        typeof one === 'number' ? '' : (one as Error).message.slice(url.length + 2),
      );
    };
    assert.match(at(await messageOf([{ index: 0, probs: [1] }]), 0), /^the answer has 1 elements of data for 3 items$/);
    const [first, second, third] = await messageOf([1, 0, 2].map((index) => ({ index, probs: [index] })));
    assert.match(`${first}`, /expected \{"index", "probs": \[numbers\]\} with index 0$/);
    assert.match(`${second}`, /with index 1$/);
    assert.equal(third, '');
    const [several] = await messageOf([0, 1, 2].map((index) => ({ index, probs: [1, 2, 3] })));
    assert.equal(several, 'the answer for the item has 3 numbers: set column to the one to score');
  });

  test('softmax of one number says nothing, and is an error', async (t) => {
    const { url } = await answeringAsVllm(t, lengths);
    const tokenizer = await tokenizerFor(t);
    const yaml = `{ objective: x, protocol: vllm-classify, url: '${url}', activation: softmax, encoding: { tokenizer: '${tokenizer}', maxTokens: 64 } }`;
    const [first] = await outcomes(await client(t, yaml));
    assert.deepEqual(first, failed(url, 'the answer for the item has one number, whose softmax is always 1; use sigmoid or raw')); // prettier-ignore
  });
});

test('a request that is refused is divided, so that an item that the server cannot score loses its own score only', async (t) => {
  for (const status of [400, 413, 422]) {
    const { url, asked } = await answering(t, ({ body }, response) => {
      const queries = body['query'] as string[];
      if (queries.includes('pbb')) json(response, { error: 'bb is too long' }, status);
      else json(response, { rewards: queries.map(({ length }) => length) });
    });
    assert.deepEqual(await outcomes(await client(t, `{ objective: x, protocol: openrlhf, url: '${url}' }`)), [
      2,
      failed(url, `HTTP ${status}: {"error":"bb is too long"}`),
      4,
    ]);
    assert.deepEqual(asked.map(({ body }) => (body['query'] as string[]).length), [3, 2, 1, 1, 1]); // prettier-ignore
  }
});

test('an invalid file is refused with the place of the mistake', async (t) => {
  const tokenizer = await tokenizerFor(t);
  const refused = async (yaml: string, message: RegExp): Promise<void> =>
    assert.rejects(openHttpScorer({ path: await file(t, `{ objective: x, url: 'http://x/classify', ${yaml} }`) }), message); // prettier-ignore
  const encoding = `encoding: { tokenizer: '${tokenizer}', maxTokens: 64 }`;
  await refused('protocol: vllm-classify', /encoding: found nothing, expected server, or a mapping of tokenizer and maxTokens/); // prettier-ignore
  await refused('protocol: vllm-classify, encoding: client', /encoding: found string "client", expected server, or a mapping/); // prettier-ignore
  await refused(`protocol: vllm-classify, encoding: { tokenizer: '${tokenizer}' }`, /encoding\.maxTokens: found nothing/); // prettier-ignore
  await refused(`protocol: vllm-classify, encoding: { tokenizer: t, maxTokens: 64, form: chat }`, /encoding\.form: found unknown key "form"/); // prettier-ignore
  await refused('protocol: vllm-classify, encoding: { tokenizer: nowhere, maxTokens: 64 }', /encoding\.tokenizer: .*nowhere.* does not exist/); // prettier-ignore
  await refused('protocol: vllm-classify, encoding: server, batch: 8', /batch: found number 8, expected 1, because with encoding: server/); // prettier-ignore
  await refused(`protocol: vllm-classify, ${encoding}, minimum: 1, maximum: 0`, /minimum: found number 1, expected a number less than maximum/); // prettier-ignore
  await refused(`protocol: vllm-classify, ${encoding}, parameters: { truncate_prompt_tokens: 9 }`, /parameters: .*a mapping without input, messages, use_activation, truncate_prompt_tokens/); // prettier-ignore
  await refused(`protocol: vllm-score, ${encoding}`, /unknown key "encoding"/);
  await refused('protocol: sglang-classify, encoding: server', /encoding: found string "server"/);
  await assert.rejects(
    openHttpScorer({ path: await file(t, `{ objective: x, url: 'http://x/v1/classify', protocol: sglang-classify, ${encoding} }`) }),
    /url: .*expected the address of \/classify: \/v1\/classify answers with probabilities/,
  ); // prettier-ignore
  const without = await tokenizerFor(t);
  const settings = join(without, 'tokenizer_config.json');
  const { chat_template: _, ...rest } = JSON.parse(await readFile(settings, 'utf8')) as Record<string, unknown>;
  await writeFile(settings, JSON.stringify(rest));
  await refused(`protocol: sglang-classify, encoding: { tokenizer: '${without}', maxTokens: 64 }`, /encoding\.tokenizer: .*has no chat_template; add one, or combine prompt and completion another way, for example encoding\.input: text/); // prettier-ignore
});
