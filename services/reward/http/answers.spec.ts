// What a request's failure means for its items, and which failures cost no score.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { json, type Asked } from '@gapo/http/testing';
import { at } from '@gapo/numeric';
import { temporaryDirectory } from '@gapo/service/testing';
import { answering, client, outcomes, query } from './testServer.fixture.js';

type Answer = (asked: Asked, response: ServerResponse, request: IncomingMessage) => void;

interface Failure {
  readonly message: string;
  readonly retryable: boolean;
}

const good = ({ body }: Asked, response: ServerResponse): void =>
  json(response, { rewards: query(body).map((text) => text.length) });

/** A file for OpenRLHF's protocol without retries, plus other keys. */
const once3 = (url: string, more = ''): string =>
  `{ objective: x, protocol: openrlhf, url: '${url}', retries: 0${more} }`;

/** The failure of each item. */
async function failureOf(t: TestContext, answer: Answer, more?: string): Promise<Failure> {
  const { url } = await answering(t, answer);
  const found = (await outcomes(await client(t, once3(url, more)))) as Failure[];
  for (const other of found) assert.deepEqual(other, found[0]);
  const { message, retryable } = at(found, 0);
  assert.ok(message.startsWith(`${url}: `), message);
  return { message: message.slice(url.length + 2), retryable };
}

const text =
  (status: number, body: string, headers: Record<string, string> = {}): Answer =>
  (_, response) =>
    response.writeHead(status, headers).end(body);

describe('a failure is an error of every item that names the server and quotes its answer', () => {
  const failures: readonly (readonly [string, Answer, string, boolean])[] = [
    ['a wait that is too long', text(503, 'later', { 'retry-after': '900' }), 'HTTP 503 (asks to wait for 900 s): later', true],
    ['no token', text(401, 'who?'), 'HTTP 401: who?; name a token with tokenEnv or tokenFile, or set headers', false],
    ['a redirection', text(301, '', { location: 'http://x/' }), 'HTTP 301: redirects to http://x/; set url to the address that answers', false],
    ['another form', (_, response) => json(response, { scores: [1] }), 'the answer is {"scores":[1]}; expected {"rewards": [numbers]}', false],
    ['a value that is nested too deeply', text(200, `{"rewards": ${'['.repeat(50_000)}${']'.repeat(50_000)}}`), 'the answer has 1 rewards for 3 items', false],
    ['an error that is nested too deeply', text(200, `{"error": {"a": ${'['.repeat(50_000)}${']'.repeat(50_000)}}}`), 'HTTP 200: the answer is an error: a value that is nested too deeply', false],
    ['too few', (_, response) => json(response, { rewards: [1] }), 'the answer has 1 rewards for 3 items', false],
    ['too many', (_, response) => json(response, { rewards: [1, 2, 3, 4] }), 'the answer has 4 rewards for 3 items', false],
  ]; // prettier-ignore
  for (const [what, answer, message, retryable] of failures) {
    test(what, async (t) => {
      assert.deepEqual(await failureOf(t, answer, ', timeoutMs: 600000'), { message, retryable });
    });
  }

  test('no answer within the time that the file sets', async (t) => {
    const { message, retryable } = await failureOf(t, () => undefined, ', timeoutMs: 200');
    assert.deepEqual([message, retryable], ['no answer within 200 ms', true]);
  });
});

describe('a transient failure', () => {
  /** A server that fails in a given way before each good response. */
  const flaky = async (t: TestContext, fail: Answer, more = ''): Promise<unknown[]> => {
    let failed = false;
    const { url } = await answering(t, (asked, response, request) => {
      failed = !failed;
      (failed ? fail : good)(asked, response, request);
    });
    return outcomes(await client(t, `{ objective: x, protocol: openrlhf, url: '${url}', concurrency: 1${more} }`));
  };

  test('costs no score', async (t) => {
    assert.deepEqual(await flaky(t, text(503, 'busy')), [2, 3, 4]);
    assert.deepEqual(await flaky(t, text(429, 'busy', { 'retry-after-ms': '20' }), ', retries: 0'), [2, 3, 4]);
    assert.deepEqual(await flaky(t, (_, __, { socket }) => socket.resetAndDestroy()), [2, 3, 4]);
  });

  test('a server that closes kept connections costs no score', async (t) => {
    const used = new WeakSet<Socket>();
    const { url } = await answering(t, (asked, response, { socket }) => {
      if (used.has(socket)) socket.resetAndDestroy();
      else good(asked, response);
      used.add(socket);
    });
    const yaml = `{ objective: x, protocol: openrlhf, url: '${url}', batch: 1, concurrency: 1 }`;
    assert.deepEqual(await outcomes(await client(t, yaml)), [2, 3, 4]);
  });
});

test('each service sends its own token, and no error shows it', async (t) => {
  for (const token of ['secret-a', 'secret-b']) {
    const answer: Answer = ({ headers }, response) =>
      json(response, { error: `unknown key ${headers.authorization}` }, 401);
    const tokenFile = join(await temporaryDirectory(t), 'token');
    await writeFile(tokenFile, `${token}\n`);
    const { url, asked } = await answering(t, answer);
    const [failure] = (await outcomes(await client(t, once3(url, `, tokenFile: '${tokenFile}'`)))) as Failure[];
    assert.equal(asked[0]?.headers.authorization, `Bearer ${token}`);
    assert.equal(failure?.message, `${url}: HTTP 401: {"error":"unknown key Bearer ***"}`);
  }
});
