// Scorers behind HTTP, against real HTTP servers: the requests and responses of each protocol, and the file that describes
// them.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { json, type Asked } from '@gapo/http/testing';
import { at } from '@gapo/numeric';
import { openHttpScorer } from './httpScorer.js';
import { answering, client, deadlineMs, file, outcomes, query } from './testServer.fixture.js';

/** The error of an item, from a server. */
const failed = (url: string, message: string): unknown => ({ message: `${url}: ${message}`, retryable: false });

describe("OpenRLHF's remote reward", () => {
  test('prompt and completion are one text, in batches', async (t) => {
    const { url, asked } = await answering(t, ({ body }, response) =>
      json(response, { rewards: query(body).map((text) => text.length), extra_logs: {} }),
    );
    const service = await client(t, `{ objective: long, protocol: openrlhf, url: '${url}', batch: 2, threshold: 3 }`);
    assert.deepEqual(await outcomes(service), [2, 3, 4]);
    assert.deepEqual(
      asked.map(({ body }) => body).sort((a, b) => query(b).length - query(a).length),
      [
        { query: ['pa', 'pbb'], prompts: ['p', 'p'], labels: ['', ''] },
        { query: ['pccc'], prompts: ['p'], labels: [''] },
      ],
    );
    const { objective, model, version, threshold } = await service.Describe({}, { deadlineMs });
    assert.deepEqual([objective, model, threshold], ['long', `openrlhf: ${url}`, 3]);
    assert.match(version, /^[0-9a-f]{16}$/);
  });

  test('a value that is not a finite number is an error of its item alone', async (t) => {
    const bad = ['NaN', '-Infinity', '1e999', 'null', '"0.5"', 'true', '[1, 2]', '{}'];
    const shown = ['NaN', '-Infinity', 'Infinity', 'null', '"0.5"', 'true', '[1,2]', '{}'];
    for (const [n, value] of bad.entries()) {
      const { url } = await answering(t, (_, response) => response.end(`{"rewards": [0.5, ${value}, [0.25]]}`));
      assert.deepEqual(await outcomes(await client(t, `{ objective: x, protocol: openrlhf, url: '${url}' }`)), [
        0.5,
        failed(url, `the score is ${at(shown, n)}; expected a finite number`),
        0.25,
      ]);
    }
  });

  test('parameters are added to the request, and null leaves one out', async (t) => {
    const { url, asked } = await answering(t, (_, response) => json(response, { rewards: [1, 2, 3] }));
    const yaml = `{ objective: x, protocol: openrlhf, url: '${url}', parameters: { labels: null, mode: { deep: null } } }`;
    await outcomes(await client(t, yaml));
    assert.deepEqual(asked[0]?.body, { query: ['pa', 'pbb', 'pccc'], prompts: ['p', 'p', 'p'], mode: { deep: null } });
  });
});

test('a column of the prompt is sent as the reference; an item without it is an error of its own', async (t) => {
  const { url, asked } = await answering(t, (_, response) => json(response, { rewards: [1] }));
  const service = await client(t, `{ objective: x, protocol: openrlhf, url: '${url}', reference: answer }`);
  const { results } = await service.Score(
    {
      items: [
        { id: '0', prompt: 'p', completion: 'c', metadata: { source: 'web' } },
        { id: '1', prompt: 'q', completion: 'd', metadata: { answer: '42' } },
      ],
    },
    { deadlineMs },
  );
  assert.deepEqual(asked.map(({ body }) => body), [{ query: ['qd'], prompts: ['q'], labels: ['42'] }]); // prettier-ignore
  assert.deepEqual(
    results.map(({ score, error }) => score ?? error?.message),
    ['reference: the prompt has no column answer; it has source', 1],
  );
});

describe('text classification', () => {
  const head = 'objective: good, protocol: text-classification';
  const labels = (names: readonly string[]) => ({ body }: Asked, response: Parameters<typeof json>[0]) =>
    json(response, (body['inputs'] as string[][]).map((texts) => names.map((label, i) => ({ label, score: at(texts, texts.length - 1).length + i })))); // prettier-ignore

  test('the only label, or the named one', async (t) => {
    const one = await answering(t, labels(['good']));
    assert.deepEqual(await outcomes(await client(t, `{ ${head}, url: '${one.url}' }`)), [1, 2, 3]);
    assert.deepEqual(one.asked[0]?.body, {
      inputs: [['p', 'a'], ['p', 'bb'], ['p', 'ccc']], // prettier-ignore
      raw_scores: true,
      truncate: false,
    });
    const two = await answering(t, labels(['bad', 'good']));
    const named = await client(t, `{ ${head}, url: '${two.url}', label: good, input: completion }`);
    assert.deepEqual(await outcomes(named), [2, 3, 4]);
    assert.deepEqual(two.asked[0]?.body['inputs'], [['a'], ['bb'], ['ccc']]);
    const unnamed = await outcomes(await client(t, `{ ${head}, url: '${two.url}' }`));
    assert.deepEqual(unnamed[0], failed(two.url, 'the answer has the labels bad, good: set label to the one to score'));
  });

  test('the server cuts off one end of a long text, or refuses it', async (t) => {
    for (const [truncate, expected] of [
      ['left', { truncate: true, truncation_direction: 'Left' }],
      ['right', { truncate: true, truncation_direction: 'Right' }],
      ['none', { truncate: false }],
    ] as const) {
      const { url, asked } = await answering(t, labels(['good']));
      await outcomes(await client(t, `{ ${head}, url: '${url}', truncate: ${truncate} }`));
      const { truncate: sent, truncation_direction: direction } = at(asked, 0).body;
      assert.deepEqual(
        { truncate: sent, ...(direction !== undefined && { truncation_direction: direction }) },
        expected,
      );
    }
  });

  test('a bad element is an error of its item alone', async (t) => {
    const { url } = await answering(t, (_, response) =>
      response.end('[[{"label": "good", "score": 0.5}], [{"label": "good", "score": NaN}], {"error": "too long"}]'),
    );
    assert.deepEqual(await outcomes(await client(t, `{ ${head}, url: '${url}' }`)), [
      0.5,
      failed(url, 'the score is NaN; expected a finite number'),
      failed(url, 'the answer for the item is {"error":"too long"}; expected [{"label", "score"}]'),
    ]);
  });

  test('a pipeline that names the best label alone is read with label set', async (t) => {
    const { url } = await answering(
      t,
      (_, response) =>
      json(response, ['good', 'bad', 'good'].map((label) => ({ label, score: 0.75 }))), // prettier-ignore
    );
    assert.deepEqual(await outcomes(await client(t, `{ ${head}, url: '${url}', label: good }`)), [
      0.75,
      failed(url, 'the answer has the labels bad, but no good'),
      0.75,
    ]);
    const [first] = await outcomes(await client(t, `{ ${head}, url: '${url}' }`));
    assert.match(JSON.stringify(first), /has the label good alone, which may be another for other items: set label/);
  });

  test('the labels of a single item without a list around them', async (t) => {
    const { url } = await answering(
      t,
      (_, response) =>
      json(response, [{ label: 'bad', score: 0.25 }, { label: 'good', score: 0.75 }]), // prettier-ignore
    );
    assert.deepEqual(await outcomes(await client(t, `{ ${head}, url: '${url}', label: good, batch: 1 }`)), [0.75, 0.75, 0.75]); // prettier-ignore
  });
});

test('an invalid file is refused with the place of the mistake', async (t) => {
  const refused = async (yaml: string, message: RegExp): Promise<void> =>
    assert.rejects(openHttpScorer({ path: await file(t, yaml) }), message);
  const head = 'objective: x, protocol: openrlhf, url: "http://x"';
  await refused(
    '{ objective: x, protocol: openrlhf, url: "ftp://x" }',
    /url: found .*expected a URL that begins with http/,
  );
  await refused('{ objective: x, protocol: telepathy, url: "http://x" }', /protocol: found/);
  await refused(`{ ${head}, lable: a }`, /unknown key "lable"/);
  await refused(`{ ${head}, headers: { Content-Length: "5" } }`, /headers.*Content-Length/);
  await refused(`{ ${head}, headers: { x-a: "ü" } }`, /headers\.x-a: found string "ü", expected printable ASCII/);
  await refused(`{ ${head}, parameters: { query: [] } }`, /parameters: .*expected a mapping without query, prompts/);
  await refused(`{ ${head}, ca: none.pem }`, /ca: .*none\.pem contains no certificate \(PEM\)/);
  await refused(`{ ${head}, retries: -1 }`, /retries: found number -1/);
  const chat = 'objective: x, protocol: chat, url: "http://x", model: m, rubric: r';
  await refused(`{ ${chat}, minimum: 1, maximum: 1 }`, /minimum: found number 1, expected a number less than maximum/);
  await refused(`{ ${chat}, minimum: 0, maximum: 10, scoring: logprobs }`, /scoring: .*expected text, unless minimum and maximum are whole numbers from 0 to 9/); // prettier-ignore
  await refused(`{ ${chat}, minimum: 0, maximum: 1, parameters: { stream: true } }`, /parameters: .*a mapping without model, messages, stream/); // prettier-ignore
  await assert.rejects(openHttpScorer({ path: '/nowhere.yaml' }), /\/nowhere\.yaml: cannot be read/);
});

test('the description and the errors of items show no secret of the URL', async (t) => {
  const { url, asked } = await answering(t, (_, response) => json(response, { rewards: [1, null, 3] }));
  const secret = url.replace('http://', 'http://me:pass%20word@').concat('?key=hidden');
  const service = await client(t, `{ objective: x, protocol: openrlhf, url: '${secret}' }`);
  assert.deepEqual(await outcomes(service), [1, failed(url, 'the score is null; expected a finite number'), 3]);
  assert.equal((await service.Describe({}, { deadlineMs })).model, `openrlhf: ${url}`);
  const [{ headers, path }] = asked as [Asked];
  assert.equal(headers.authorization, `Basic ${Buffer.from('me:pass word').toString('base64')}`);
  assert.equal(path, '/score?key=hidden');
});
