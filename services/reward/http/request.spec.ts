// HTTP as it is: servers that fail, stall, redirect, send too much or something else.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { at } from '@gapo/numeric';
import { answering, client, json, outcomes, query, type Asked } from './testServer.fixture.js';

type Answer = (asked: Asked, response: ServerResponse, request: IncomingMessage) => void;

interface Failure {
  readonly message: string;
  readonly retryable: boolean;
}

const good = ({ body }: Asked, response: ServerResponse): void =>
  json(response, { rewards: query(body).map((text) => text.length) });

/** A service of OpenRLHF's protocol that asks once, and the file's other keys. */
const once3 = (url: string, more = ''): string =>
  `{ objective: x, protocol: openrlhf, url: '${url}', retries: 0${more} }`;

/** The failure that each item has. */
async function failureOf(t: TestContext, answer: Answer, more?: string): Promise<Failure & { readonly url: string }> {
  const { url } = await answering(t, answer);
  const found = (await outcomes(await client(t, once3(url, more)))) as Failure[];
  for (const other of found) assert.deepEqual(other, found[0]);
  const { message, retryable } = at(found, 0);
  assert.ok(message.startsWith(`${url}: `), message);
  return { message: message.slice(url.length + 2), retryable, url };
}

const text =
  (status: number, body: string, headers: Record<string, string> = {}): Answer =>
  (_, response) =>
    response.writeHead(status, headers).end(body);

describe('a failure is an error of its items that names the server and quotes its answer', () => {
  const html = '<html>\n<body><h1>502 Bad Gateway</h1></body></html>';
  const failures: readonly (readonly [string, Answer, string | RegExp, boolean])[] = [
    ['too many requests', text(429, 'slow down'), 'HTTP 429: slow down', true],
    ['a wait that is asked for', text(503, 'later', { 'retry-after': '1e5' }), 'HTTP 503: later', true],
    ['a wait that is too long', text(503, 'later', { 'retry-after': '900' }), 'HTTP 503 (asks to wait for 900 s): later', true],
    ['a quota that is used up', text(429, '{"error": {"code": "insufficient_quota"}}'), /^HTTP 429: .*insufficient_quota/, false],
    ['a refusal', text(400, 'no such model'), 'HTTP 400: no such model', false],
    ['no token', text(401, 'who?'), 'HTTP 401: who?; name a token with tokenEnv or tokenFile, or set headers', false],
    ['a gateway', text(502, html, { 'content-type': 'text/html' }), 'HTTP 502: <html> <body><h1>502 Bad Gateway</h1></body></html>', true],
    ['a login page', text(200, html, { 'content-type': 'text/html' }), /^HTTP 200: the answer is not JSON \(text\/html\): <html> <body>/, false],
    ['no body', text(200, ''), 'HTTP 200: the answer is empty', false],
    ['no content', text(204, ''), 'HTTP 204: the answer is empty', false],
    ['bytes that are no text', (_, response) => response.end(Buffer.from([0x22, 0xff, 0x22])), 'the answer is not UTF-8', false],
    ['another form', (_, response) => json(response, { scores: [1] }), 'the answer is {"scores":[1]}; expected {"rewards": [numbers]}', false],
    ['a value that is nested too deeply', text(200, `{"rewards": ${'['.repeat(50_000)}${']'.repeat(50_000)}}`), 'the answer has 1 rewards for 3 items', false],
    ['an error that is nested too deeply', text(200, `{"error": {"a": ${'['.repeat(50_000)}${']'.repeat(50_000)}}}`), 'HTTP 200: the answer is an error: a value that is nested too deeply', false],
    ['too few', (_, response) => json(response, { rewards: [1] }), 'the answer has 1 rewards for 3 items', false],
    ['too many', (_, response) => json(response, { rewards: [1, 2, 3, 4] }), 'the answer has 4 rewards for 3 items', false],
    ['a connection that is reset', (_, __, { socket }) => socket.resetAndDestroy(), /^cannot be reached: /, true],
    ['a body that ends early', (_, response, { socket }) => { response.writeHead(200, { 'content-length': '99' }).write('{"re'); setImmediate(() => socket.destroy()); }, /^cannot be reached: /, true],
  ]; // prettier-ignore
  for (const [what, answer, message, retryable] of failures) {
    test(what, async (t) => {
      const found = await failureOf(t, answer, ', timeoutMs: 600000');
      if (typeof message === 'string') assert.equal(found.message, message);
      else assert.match(found.message, message);
      assert.equal(found.retryable, retryable);
    });
  }

  test('no server at the address', async (t) => {
    const gone = createServer().listen(0, '127.0.0.1');
    await once(gone, 'listening');
    const { port } = gone.address() as AddressInfo;
    await new Promise((resolve) => gone.close(resolve));
    const [outcome] = (await outcomes(await client(t, once3(`http://127.0.0.1:${port}/`)))) as [Failure];
    assert.match(outcome.message, /cannot be reached: connect ECONNREFUSED/);
    assert.equal(outcome.retryable, true);
  });

  test('a server that speaks something else', async (t) => {
    const other = createTcpServer((socket: Socket) => {
      socket.on('error', () => undefined).end('SSH-2.0-OpenSSH_9.9\r\n');
    }).listen(0, '127.0.0.1');
    t.after(() => other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const answers = async (url: string): Promise<Failure> => at((await outcomes(await client(t, once3(url)))) as Failure[], 0); // prettier-ignore
    const plain = await answers(`http://127.0.0.1:${port}/`);
    assert.match(plain.message, /what listens there does not speak HTTP/);
    const tls = await answers(`https://127.0.0.1:${port}/`);
    assert.match(tls.message, /it does not speak TLS as expected; check http and https in url/);
    assert.deepEqual([plain.retryable, tls.retryable], [false, false]);
  });
});

describe('time limits', () => {
  test('of an answer that never begins, and of one that never ends', async (t) => {
    const never: readonly Answer[] = [
      () => undefined,
      (_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{"rewards": ['),
      (_, response, { socket }) => {
        response.writeHead(200);
        const trickle = setInterval(() => response.write(' '), 20);
        socket.on('close', () => clearInterval(trickle));
      },
    ];
    for (const answer of never) {
      const { message, retryable } = await failureOf(t, answer, ', timeoutMs: 200');
      assert.deepEqual([message, retryable], ['no answer within 200 ms', true]);
    }
  });
});

describe('a failure that passes', () => {
  /** A server that fails in one way before each good answer. */
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

describe('bodies', () => {
  const encodings = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync } as const;

  test('are decompressed', async (t) => {
    for (const [encoding, compress] of Object.entries(encodings)) {
      const body = compress(JSON.stringify({ rewards: [1, 2, 3] }));
      const { url } = await answering(t, (_, response) => response.writeHead(200, { 'content-encoding': encoding }).end(body)); // prettier-ignore
      assert.deepEqual(await outcomes(await client(t, once3(url))), [1, 2, 3], encoding);
    }
    const { message, retryable } = await failureOf(t, (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('{"rewards"')); // prettier-ignore
    assert.match(message, /not compressed as its content-encoding says/);
    assert.equal(retryable, false);
  });

  test('of any length are read to the limit, compressed or not', async (t) => {
    const spaces = Buffer.alloc(64 * 2 ** 20, ' ');
    for (const [encoding, compress] of Object.entries(encodings)) {
      const bomb = compress(spaces);
      const { message, retryable } = await failureOf(t, (_, response) => response.writeHead(200, { 'content-encoding': encoding }).end(bomb)); // prettier-ignore
      assert.deepEqual([message, retryable], ['the answer has more than 16 MiB', false]);
    }
    const endless: Answer = (_, response, { socket }) => {
      const more = (): void => {
        while (!socket.destroyed && response.write(spaces.subarray(0, 2 ** 20)));
      };
      response.writeHead(200).on('drain', more);
      more();
    };
    assert.equal((await failureOf(t, endless)).message, 'the answer has more than 16 MiB');
    const error = Buffer.concat([Buffer.from('too much '), spaces]);
    assert.equal(
      (await failureOf(t, (_, response) => response.writeHead(500).end(error))).message,
      'HTTP 500: too much…',
    );
  });

  test('may begin with a byte order mark and have another content type', async (t) => {
    const { url } = await answering(t, text(200, '\ufeff{"rewards": [1, 2, 3]}', { 'content-type': 'text/plain' }));
    assert.deepEqual(await outcomes(await client(t, once3(url))), [1, 2, 3]);
  });
});

describe('redirections', () => {
  test('of the same server that keep the method are followed', async (t) => {
    for (const status of [307, 308]) {
      const { url, asked } = await answering(t, (one, response) =>
        one.path === '/score' ? response.writeHead(status, { location: '/score/' }).end() : good(one, response),
      );
      assert.deepEqual(await outcomes(await client(t, once3(url), { token: 'secret' })), [2, 3, 4]);
      assert.equal(asked[1]?.headers.authorization, 'Bearer secret');
    }
  });

  test('to another server, or to another method, are errors; nothing is sent there', async (t) => {
    const other = await answering(t, good);
    const target = other.url.replace('http://', 'http://me:secret@').concat('?key=secret');
    for (const status of [301, 302, 303, 307, 308]) {
      const { message, retryable } = await failureOf(
        t,
        text(status, '', { location: target }),
        ', headers: { api-key: k }',
      );
      assert.equal(message, `HTTP ${status}: redirects to ${other.url}; set url to the address that answers`);
      assert.equal(retryable, false);
    }
    assert.deepEqual(other.asked, []);
    const moved = await failureOf(t, text(301, '', { location: '/score/' }));
    assert.equal(moved.message, `HTTP 301: redirects to ${moved.url}/; set url to the address that answers`);
    assert.match((await failureOf(t, text(302, ''))).message, /HTTP 302: redirects/);
    assert.match((await failureOf(t, text(307, '', { location: 'http://' }))).message, /HTTP 307: redirects nowhere/);
  });

  test('without end are an error', async (t) => {
    const { message } = await failureOf(t, text(307, '', { location: '/score' }));
    assert.match(message, /HTTP 307: redirects more than 5 times/);
  });
});

test('a server at an IPv6 address', async (t) => {
  let served: Awaited<ReturnType<typeof answering>>;
  try {
    served = await answering(t, good, '::1');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRNOTAVAIL' && code !== 'EAFNOSUPPORT') throw error;
    return t.skip('needs IPv6');
  }
  assert.match(served.url, /^http:\/\/\[::1\]:/);
  assert.deepEqual(await outcomes(await client(t, once3(served.url))), [2, 3, 4]);
});
