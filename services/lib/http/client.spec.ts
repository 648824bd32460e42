// HTTP as it is: servers that fail, stall, redirect, send too much or something else.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { z } from '@gapo/service';
import { spanNames, withSpan } from '@gapo/tracing';
import { HttpClient, type HttpClientOptions } from './client.js';
import { credentialsOf, textToken } from './credentials.js';
import { RequestFailure } from './requestFailure.js';
import { answering, json, type Asked } from './testing.fixture.js';

type Reply = (asked: Asked, response: ServerResponse, request: IncomingMessage) => void;

const long = { signal: new AbortController().signal, timeoutMs: 600_000 };
const good: Reply = (_, response) => json(response, { scores: [1, 2] });
const text =
  (status: number, body: string, headers: Record<string, string> = {}): Reply =>
  (_, response) =>
    response.writeHead(status, headers).end(body);

function client(t: TestContext, url: string, options: Partial<HttpClientOptions> = {}): HttpClient {
  const made = new HttpClient({ url, ...options });
  t.after(() => made.close());
  return made;
}

/** The failure of a promise. */
async function failing(work: Promise<unknown>): Promise<RequestFailure> {
  const error = await work.then(
    () => assert.fail('succeeds'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof RequestFailure, String(error));
  return error;
}

/** The failure of a request for JSON, without the server's name. */
async function failureOf(t: TestContext, reply: Reply, limits = long) {
  const { url } = await answering(t, reply);
  const asked = client(t, url).post('/score', { a: 1 }, limits);
  const { message, retryable, status, waitMs } = await failing(asked.then((answer) => answer.json()));
  assert.ok(message.startsWith(`${url}/score: `), message);
  return { message: message.slice(url.length + 8), retryable, status, waitMs, url };
}

test('requests name their paths below that of the URL, whose query stays', async (t) => {
  const { url, asked } = await answering(t, good);
  const server = client(t, `${url}/api/?key=hidden`);
  assert.equal(server.name, `${url}/api`);
  await server.get('/models', long);
  await server.post('', { a: [1] }, long);
  assert.deepEqual(
    asked.map(({ path, body }) => [path, body]),
    [
      ['/api/models?key=hidden', {}],
      ['/api/?key=hidden', { a: [1] }],
    ],
  );
});

test('requests are in the trace of the span that makes them', async (t) => {
  const { url, asked } = await answering(t, good);
  await withSpan(spanNames.step, {}, (span) => {
    const { traceId, spanId } = span.spanContext();
    return client(t, url)
      .get('/', long)
      .then(() => {
        const traced = /^0+$/.test(traceId) ? undefined : `00-${traceId}-${spanId}-01`; // no provider, no trace
        assert.equal(asked[0]?.headers['traceparent'], traced);
      });
  });
});

test('an answer of another form says where it differs', async (t) => {
  const { url } = await answering(t, good);
  const answer = await client(t, url).get('/', long);
  assert.deepEqual(answer.as(z.object({ scores: z.array(z.number()) })), { scores: [1, 2] });
  const { message, retryable } = await failing(
    Promise.resolve().then(() => answer.as(z.object({ scores: z.array(z.string()) }))),
  );
  assert.match(
    message,
    /\/: HTTP 200: the answer has another form than expected \(scores\.0: .*\): \{"scores":\[1,2\]\}$/,
  );
  assert.equal(retryable, false);
});

describe('a failure names the server and quotes its answer', () => {
  const html = '<html>\n<body><h1>502 Bad Gateway</h1></body></html>';
  const failures: readonly (readonly [string, Reply, string | RegExp, boolean, number?])[] = [
    ['too many requests', text(429, 'slow down'), 'HTTP 429: slow down', true],
    ['an overloaded server', text(529, ''), 'HTTP 529: no text', true],
    ['a wait that is no number', text(503, 'later', { 'retry-after': '1e5' }), 'HTTP 503: later', true],
    ['a wait that is asked for', text(503, 'later', { 'retry-after': '900' }), 'HTTP 503 (asks to wait for 900 s): later', true, 900_000],
    ['a wait after a refusal that lasts', text(403, 'no', { 'retry-after': '1' }), 'HTTP 403 (asks to wait for 1 s): no', false],
    ['a quota that is used up', text(429, '{"error": {"code": "insufficient_quota"}}'), /^HTTP 429: .*insufficient_quota/, false],
    ['a refusal', text(400, 'no such model'), 'HTTP 400: no such model', false],
    ['a gateway', text(502, html, { 'content-type': 'text/html' }), 'HTTP 502: <html> <body><h1>502 Bad Gateway</h1></body></html>', true],
    ['a login page', text(200, html, { 'content-type': 'text/html' }), /^HTTP 200: the answer is not JSON \(text\/html\): <html> <body>/, false],
    ['no body', text(200, ''), 'HTTP 200: the answer is empty', false],
    ['no content', text(204, ''), 'HTTP 204: the answer is empty', false],
    ['bytes that are no text', (_, response) => response.end(Buffer.from([0x22, 0xff, 0x22])), 'the answer is not UTF-8', false],
    ['a connection that is reset', (_, __, { socket }) => socket.resetAndDestroy(), /^cannot be reached: /, true],
    ['a body that ends early', (_, response, { socket }) => { response.writeHead(200, { 'content-length': '99' }).write('{"re'); setImmediate(() => socket.destroy()); }, /^cannot be reached: /, true],
  ]; // prettier-ignore
  for (const [what, reply, message, retryable, waitMs] of failures) {
    test(what, async (t) => {
      const found = await failureOf(t, reply);
      if (typeof message === 'string') assert.equal(found.message, message);
      else assert.match(found.message, message);
      assert.deepEqual([found.retryable, found.waitMs], [retryable, waitMs]);
      const status = /^HTTP (\d+)/.exec(found.message)?.[1];
      assert.equal(found.status, status === undefined ? undefined : Number(status));
    });
  }

  test('no server at the address', async (t) => {
    const gone = createServer().listen(0, '127.0.0.1');
    await once(gone, 'listening');
    const { port } = gone.address() as AddressInfo;
    await new Promise((resolve) => gone.close(resolve));
    const { message, retryable } = await failing(client(t, `http://127.0.0.1:${port}`).get('/', long));
    assert.match(message, /cannot be reached: connect ECONNREFUSED/);
    assert.equal(retryable, true);
  });

  test('a server that speaks something else', async (t) => {
    const other = createTcpServer((socket: Socket) => {
      socket.on('error', () => undefined).end('SSH-2.0-OpenSSH_9.9\r\n');
    }).listen(0, '127.0.0.1');
    t.after(() => other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const plain = await failing(client(t, `http://127.0.0.1:${port}`).get('/', long));
    assert.match(plain.message, /the server there does not speak HTTP/);
    const settings = { url: 'ENGINE_URLS', ca: 'NODE_EXTRA_CA_CERTS' };
    const tls = await failing(client(t, `https://127.0.0.1:${port}`, { settings }).get('/', long));
    assert.match(tls.message, /it does not speak TLS as expected; check http and https in ENGINE_URLS/);
    assert.deepEqual([plain.retryable, tls.retryable], [false, false]);
  });

  test('shows no secret, and what the client knows about it', async (t) => {
    const { url, asked } = await answering(t, ({ headers }, response) =>
      json(response, { error: `unknown key ${headers.authorization}` }, 401),
    );
    const credentials = credentialsOf({ token: textToken('TOKEN', 'secret'), where: 'test' });
    const hint = (status: number, body: string): string => `hint ${status} ${body.length > 0}`;
    const { message, body } = await failing(client(t, url, { credentials, hint }).get('/', long));
    assert.equal(asked[0]?.headers.authorization, 'Bearer secret');
    assert.equal(message, `${url}/: HTTP 401: {"error":"unknown key Bearer ***"}; hint 401 true`);
    assert.match(body ?? '', /Bearer secret/, 'the body is for the program');
  });

  test('a user in the URL is sent as credentials, and not shown', async (t) => {
    const { url, asked } = await answering(t, text(400, 'no word'));
    const server = client(t, url.replace('http://', 'http://me:word@'));
    const { message } = await failing(server.get('/', long));
    assert.equal(asked[0]?.headers.authorization, `Basic ${Buffer.from('me:word').toString('base64')}`);
    assert.equal(message, `${url}/: HTTP 400: no ***`);
    assert.equal(server.name, url);
  });
});

describe('limits', () => {
  const never: readonly Reply[] = [
    () => undefined,
    (_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{"scores": ['),
    (_, response, { socket }) => {
      response.writeHead(200);
      const trickle = setInterval(() => response.write(' '), 20);
      socket.on('close', () => clearInterval(trickle));
    },
  ];

  test('of time: an answer that never begins, one that stalls, and one that never ends', async (t) => {
    for (const reply of never) {
      const { message, retryable } = await failureOf(t, reply, { ...long, timeoutMs: 200 });
      assert.deepEqual([message, retryable], ['no answer within 200 ms', true]);
    }
  });

  test("the signal ends a request, with the signal's reason", async (t) => {
    for (const reply of never) {
      const call = new AbortController();
      const { url } = await answering(t, (...all) => {
        reply(...all);
        call.abort(new Error('enough'));
      });
      await assert.rejects(client(t, url).get('/', { ...long, signal: call.signal }), /^Error: enough$/);
      await assert.rejects(client(t, url).get('/', { ...long, signal: call.signal }), /^Error: enough$/);
    }
  });
});

describe('bodies', () => {
  const encodings = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync } as const;

  test('are decompressed', async (t) => {
    for (const [encoding, compress] of Object.entries(encodings)) {
      const body = compress(JSON.stringify({ scores: [1, 2, 3] }));
      const { url } = await answering(t, (_, response) => response.writeHead(200, { 'content-encoding': encoding }).end(body)); // prettier-ignore
      assert.deepEqual((await client(t, url).get('/', long)).json(), { scores: [1, 2, 3] }, encoding);
    }
    const { message, retryable } = await failureOf(t, (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('{"scores"')); // prettier-ignore
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
    const endless: Reply = (_, response, { socket }) => {
      const more = (): void => {
        while (!socket.destroyed && response.write(spaces.subarray(0, 2 ** 20)));
      };
      response.writeHead(200).on('drain', more);
      more();
    };
    assert.equal((await failureOf(t, endless)).message, 'the answer has more than 16 MiB');
    const error = Buffer.concat([Buffer.from('too much '), spaces]);
    const refused = await failureOf(t, (_, response) => response.writeHead(500).end(error));
    assert.equal(refused.message, 'HTTP 500: too much…');
    const { url } = await answering(t, text(200, JSON.stringify('x'.repeat(2 ** 20))));
    const { message } = await failing(client(t, url, { longestAnswer: 2 ** 20 }).get('/', long));
    assert.match(message, /the answer has more than 1 MiB/);
  });

  test('may begin with a byte order mark and have another content type', async (t) => {
    const { url } = await answering(t, text(200, '\ufeff{"scores": [NaN]}', { 'content-type': 'text/plain' }));
    assert.deepEqual((await client(t, url).get('/', long)).json(), { scores: [NaN] });
  });
});

describe('redirections', () => {
  test('of the same server that keep the method are followed', async (t) => {
    const credentials = credentialsOf({ token: textToken('TOKEN', 'secret'), where: 'test' });
    for (const status of [307, 308]) {
      const { url, asked } = await answering(t, (one, response, request) =>
        one.path === '/score'
          ? response.writeHead(status, { location: '/score/' }).end()
          : good(one, response, request),
      );
      await client(t, url, { credentials }).post('/score', { a: 1 }, long);
      assert.deepEqual(asked[1]?.body, { a: 1 });
      assert.equal(asked[1]?.headers.authorization, 'Bearer secret');
    }
  });

  test('to another server, or to another method, are errors; nothing is sent there', async (t) => {
    const other = await answering(t, good);
    const target = `${other.url.replace('http://', 'http://me:secret@')}/score?key=secret`;
    const advice = 'set the URL to the address that answers';
    for (const status of [301, 302, 303, 307, 308]) {
      const { message, retryable } = await failureOf(t, text(status, '', { location: target }));
      assert.equal(message, `HTTP ${status}: redirects to ${other.url}/score; ${advice}`);
      assert.equal(retryable, false);
    }
    assert.deepEqual(other.asked, []);
    const moved = await failureOf(t, text(301, '', { location: '/score/' }));
    assert.equal(moved.message, `HTTP 301: redirects to ${moved.url}/score/; ${advice}`);
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
  assert.equal((await client(t, served.url).get('/', long)).status, 200);
});
