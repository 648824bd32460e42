// Scorers behind HTTP, against a real HTTP server: each protocol, each failure, and the file that describes them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { at } from '@gapo/numeric';
import { served, type RewardClient } from '@gapo/reward/testing';
import { temporaryDirectory } from '@gapo/service/testing';
import { openHttpScorer } from './httpScorer.js';

/** Calls have no deadline: the machine may be busy. */
const deadlineMs = Infinity;

interface Asked {
  body: Record<string, unknown>;
  headers: IncomingHttpHeaders;
}
type Answer = (body: Record<string, unknown>) => { status?: number; text: string } | undefined;

/** A server whose answers a function gives; for undefined it never answers. */
async function server(t: TestContext, answer: Answer): Promise<{ url: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const http = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      const body = JSON.parse(text) as Record<string, unknown>;
      asked.push({ body, headers: request.headers });
      const found = answer(body);
      if (found) response.writeHead(found.status ?? 200).end(found.text);
    });
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  t.after(() => (http.closeAllConnections(), http.close()));
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/score`, asked };
}

async function file(t: TestContext, yaml: string): Promise<string> {
  const path = join(await temporaryDirectory(t), 'reward.yaml');
  await writeFile(path, yaml);
  return path;
}

async function client(t: TestContext, yaml: string, token?: string): Promise<RewardClient> {
  return served(t, await openHttpScorer({ path: await file(t, yaml), token }));
}

const json = (value: unknown): { text: string } => ({ text: JSON.stringify(value) });
const items = ['a', 'bb', 'ccc'].map((completion, i) => ({ id: String(i), prompt: 'p', completion }));
const query = (body: Record<string, unknown>): string[] => body['query'] as string[];

async function outcomes(service: RewardClient): Promise<unknown[]> {
  const { results } = await service.Score({ items }, { deadlineMs });
  return results.map(({ score, error }) => score ?? error);
}

describe('each protocol', () => {
  test("OpenRLHF's remote reward: prompt and completion as one text, in batches", async (t) => {
    const { url, asked } = await server(t, (body) => json({ rewards: query(body).map((text) => text.length) }));
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

  test('text classification: the only label, or the named one', async (t) => {
    const labels = (names: readonly string[]): Answer => (body) =>
      json((body['inputs'] as string[][]).map((texts) => names.map((label, i) => ({ label, score: at(texts, texts.length - 1).length + i })))); // prettier-ignore
    const one = await server(t, labels(['good']));
    const head = `objective: good, protocol: text-classification`;
    assert.deepEqual(await outcomes(await client(t, `{ ${head}, url: '${one.url}' }`)), [1, 2, 3]);
    assert.deepEqual(one.asked[0]?.body, {
      inputs: [['p', 'a'], ['p', 'bb'], ['p', 'ccc']], // prettier-ignore
      raw_scores: true,
      truncate: true,
    });
    const two = await server(t, labels(['bad', 'good']));
    const named = await client(t, `{ ${head}, url: '${two.url}', label: good, input: completion }`);
    assert.deepEqual(await outcomes(named), [2, 3, 4]);
    assert.deepEqual(two.asked[0]?.body['inputs'], [['a'], ['bb'], ['ccc']]);
    const unnamed = await outcomes(await client(t, `{ ${head}, url: '${two.url}' }`));
    assert.deepEqual(unnamed[0], {
      message: 'the answer has the labels bad, good: set label to the one to score',
      retryable: false,
    });
  });

  test('a judge: the request has rubric and exchange, the answer a number on the scale', async (t) => {
    const said = ['{"score": 7}', 'I would say {"score": -2.5e0}.', 'very good'];
    const { url, asked } = await server(t, (body) => {
      const [, { content }] = body['messages'] as [unknown, { content: string }];
      const { completion } = JSON.parse(content) as { completion: string };
      return json({ choices: [{ message: { content: said[completion.length - 1] } }] });
    });
    const yaml = `
objective: kind
protocol: chat
url: ${url}
model: judge-1
rubric: How kind is the completion?
minimum: -10
maximum: 10
`;
    const service = await client(t, yaml, 'secret');
    assert.deepEqual(await outcomes(service), [
      7,
      -2.5,
      { message: 'the judge answered "very good"; expected {"score": number}', retryable: false },
    ]);
    const { body, headers } = at(asked, 0);
    assert.equal(headers.authorization, 'Bearer secret');
    assert.deepEqual([body['model'], body['temperature'], body['max_tokens']], ['judge-1', 0, 64]);
    const [system, ...exchange] = body['messages'] as [{ content: string }, unknown];
    assert.match(system.content, /^How kind is the completion\?\n\nAnswer with one JSON object .* from -10 to 10\}\.$/);
    assert.equal(exchange.length, 1);
    said[0] = '{"score": 11}';
    assert.deepEqual((await outcomes(service))[0], {
      message: 'the judge gave the score 11; expected -10 to 10',
      retryable: false,
    });
    const { minimum, maximum } = await service.Describe({}, { deadlineMs });
    assert.deepEqual([minimum, maximum], [-10, 10]);
  });
});

describe('a failure is an error of its items that names the server and quotes its answer', () => {
  const failures: readonly (readonly [string, Answer, RegExp, boolean])[] = [
    ['too many requests', () => ({ status: 429, text: 'slow down' }), /^http.*: HTTP 429: slow down$/, true],
    ['a refusal', () => ({ status: 400, text: 'no such model' }), /: HTTP 400: no such model$/, false],
    ['no JSON', () => ({ text: '<html>' }), /: the answer is not JSON: <html>$/, false],
    ['another form', () => json({ scores: [1] }), /^the answer is \{"scores":\[1\]\}; expected \{"rewards": /, false],
    ['null in place of a number', () => json({ rewards: [1, null, 2] }), /^the answer is .*null/, false],
    ['too few', () => json({ rewards: [1] }), /^the answer has 1 rewards for 3 items$/, false],
    ['no answer', () => undefined, /: no answer within 200 ms$/, true],
  ];
  for (const [what, answer, message, retryable] of failures) {
    test(what, async (t) => {
      const { url } = await server(t, answer);
      const timeoutMs = what === 'no answer' ? 200 : 600_000;
      const service = await client(t, `{ objective: x, protocol: openrlhf, url: '${url}', timeoutMs: ${timeoutMs} }`);
      for (const outcome of await outcomes(service)) {
        const { message: found, retryable: may } = outcome as { message: string; retryable: boolean };
        assert.match(found, message);
        assert.equal(may, retryable);
      }
    });
  }

  test('no server at the address', async (t) => {
    const gone = createServer().listen(0, '127.0.0.1');
    await once(gone, 'listening');
    const { port } = gone.address() as AddressInfo;
    await new Promise((resolve) => gone.close(resolve));
    const service = await client(t, `{ objective: x, protocol: openrlhf, url: 'http://127.0.0.1:${port}/' }`);
    const [outcome] = (await outcomes(service)) as [{ message: string; retryable: boolean }];
    assert.match(outcome.message, /cannot be reached: connect ECONNREFUSED/);
    assert.equal(outcome.retryable, true);
  });
});

test('an invalid file is refused with the place of the mistake', async (t) => {
  const refused = async (yaml: string, message: RegExp): Promise<void> =>
    assert.rejects(openHttpScorer({ path: await file(t, yaml) }), message);
  await refused(
    '{ objective: x, protocol: openrlhf, url: "ftp://x" }',
    /url: found .*expected a URL that begins with http/,
  );
  await refused('{ objective: x, protocol: telepathy, url: "http://x" }', /protocol: found/);
  await refused('{ objective: x, protocol: openrlhf, url: "http://x", lable: a }', /unknown key "lable"/);
  const chat = 'objective: x, protocol: chat, url: "http://x", model: m, rubric: r';
  await refused(`{ ${chat}, minimum: 1, maximum: 1 }`, /minimum: found number 1, expected a number less than maximum/);
  await assert.rejects(openHttpScorer({ path: '/nowhere.yaml' }), /\/nowhere\.yaml: cannot be read/);
});
