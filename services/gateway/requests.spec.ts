/**
 * What the gateway refuses: other hosts and sites, unknown paths and methods, bodies. None of this counts as an error of the
 * gateway.
 */
import assert from 'node:assert/strict';
import { request, type IncomingHttpHeaders } from 'node:http';
import { describe, test, type TestContext } from 'node:test';
import { logger } from '@gapo/service';
import { AllowedHosts, isAllowedHostEntry } from './allowedHosts.js';
import { inProcessBus, testRun, trainingService } from './gateway.fixture.js';
import { startGateway } from './server.js';

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

interface Asked {
  path?: string;
  method?: string;
  headers?: Record<string, string>;
  /** Chunks of the body. */
  body?: Iterable<string | Buffer>;
}

/** Starts a gateway with a run. Returns a function that sends it a request, and its log lines. */
async function started(t: TestContext, allowedHosts: readonly string[] = []) {
  const coordinator = await trainingService(t, {
    runs: [testRun('one', 1)],
    async *watch() {
      // Nothing follows.
    },
  });
  const log = logger('test');
  const logged: string[] = [];
  for (const level of ['warn', 'error'] as const) log[level] = (...parts: unknown[]) => void logged.push(String(parts));
  const bus = await inProcessBus(t);
  const gateway = await startGateway({ listen: '127.0.0.1:0', coordinator, bus, allowedHosts, log });
  t.after(() => gateway.stop());
  const port = Number(gateway.address.split(':')[1]);
  const send = ({ path = '/api/runs', method = 'GET', headers = {}, body = [] }: Asked): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
      });
      sent.on('error', reject);
      for (const chunk of body) sent.write(chunk);
      sent.end();
    });
  return { send, logged };
}

const json = { 'content-type': 'application/json' };

describe('requests that the gateway has no answer to', () => {
  const cases: [string, Asked, number, RegExp][] = [
    [
      'a method that a path does not have',
      { method: 'POST', headers: json, body: ['{}'] },
      405,
      /POST is not a method of \/api\/runs/,
    ],
    ['a body that is no JSON', { method: 'POST', headers: json, body: ['{bad'] }, 405, /POST/],
    ['a body of an unknown type', { method: 'PUT', headers: { 'content-type': 'a/b' }, body: ['x'] }, 405, /PUT/],
    ['a method of WebDAV', { method: 'PROPFIND', headers: json, body: ['{bad'] }, 405, /PROPFIND/],
    [
      'a run that is to be deleted',
      { method: 'DELETE', path: '/api/runs/one' },
      405,
      /DELETE is not a method of \/api\/runs\/one/,
    ],
    ['a preflight of another site', { method: 'OPTIONS' }, 405, /OPTIONS/],
    ['an unknown path', { path: '/api/models' }, 404, /there is nothing at GET \/api\/models/],
    [
      'an unknown path with a body',
      { path: '/api/v2?x', method: 'POST', headers: json, body: ['{bad'] },
      404,
      /there is nothing at POST/,
    ],
    ['a path that cannot be decoded', { path: '/api/runs/%zz' }, 400, /%zz/],
    [
      'a token that no header can have',
      { headers: { authorization: 'Bearer \u00e9' } },
      401,
      /^the token has characters that are not allowed in tokens/,
    ],
    ['a session of such a token', { headers: { cookie: 'gapo_session=\u00e9' } }, 401, /^the token has characters/],
    [
      'a parameter that is misspelt',
      { path: '/api/runs/one/samples?sort=worst' },
      400,
      /^"sort" is not a parameter of \/api\/runs\/:id\/samples: it takes step, prompt, order/,
    ],
    [
      'a parameter where there is none',
      { path: '/api/runs?x' },
      400,
      /^"x" is not a parameter of \/api\/runs: it takes none$/,
    ],
    [
      'a parameter that is given twice',
      { path: '/api/runs/one/steps?after=1&after=2' },
      400,
      /^after is given 2 times/,
    ],
    ['a run id that is too long', { path: `/api/runs/${'a'.repeat(5000)}` }, 414, /aaa/],
  ];
  for (const [what, asked, status, message] of cases) {
    test(what, async (t) => {
      const { send, logged } = await started(t);
      const answer = await send(asked);
      assert.equal(answer.status, status, answer.body);
      assert.match((JSON.parse(answer.body) as { error: string }).error, message);
      if (status === 405) assert.equal(answer.headers['allow'], 'GET, HEAD');
      assert.deepEqual(logged, []);
    });
  }

  test('a large body is answered before it is read', async (t) => {
    const { send, logged } = await started(t);
    const answer = await send({ method: 'POST', headers: json, body: Array<Buffer>(64).fill(Buffer.alloc(2 ** 20)) });
    assert.equal(answer.status, 405);
    assert.deepEqual(logged, []);
  });
});

describe('names that a web site could point at the gateway', () => {
  test('another host and another site are refused, and the error says what to do', async (t) => {
    const { send, logged } = await started(t, ['gapo.example.org']);
    for (const host of [
      'evil.example',
      'evil.example:8080',
      'xgapo.example.org',
      'localhost.evil.example',
      'a@localhost',
    ]) {
      for (const path of ['/', '/api/runs', '/api/runs/one/events', '/nowhere']) {
        const answer = await send({ path, headers: { host } });
        assert.equal(answer.status, 403, `${host} ${path}`);
        assert.match(answer.body, /add it to GATEWAY_ALLOWED_HOSTS/);
      }
    }
    const page = await send({ headers: { origin: 'http://evil.example' } });
    assert.equal(page.status, 403);
    assert.match(page.body, /pages of .*evil\.example/);
    assert.deepEqual(logged, []);
  });

  test('its own names and the allowed ones are served; probes may use any', async (t) => {
    const { send } = await started(t, ['gapo.example.org']);
    for (const host of [
      'localhost',
      'LOCALHOST:80',
      'x.localhost',
      '127.0.0.1:9',
      '[::1]:8080',
      '10.1.2.3',
      'gapo.example.org',
      'gapo.example.org.:443',
    ]) {
      assert.equal((await send({ headers: { host } })).status, 200, host);
    }
    assert.equal((await send({ path: '/healthz', headers: { host: 'pod-7.balancer' } })).status, 200);
  });

  test('`*` answers to every host and site', async (t) => {
    const { send } = await started(t, ['*']);
    assert.equal((await send({ headers: { host: 'evil.example', origin: 'null' } })).status, 200);
  });
});

test('an origin is that of the page itself, or of an allowed host', () => {
  const hosts = new AllowedHosts(['gapo.example.org', '.lab.example'], 'gateway.internal:8080');
  const refused = (host: string, origin: string) => hosts.refusal({ host, origin }) !== undefined;
  const own: [string, string][] = [
    ['localhost:8080', 'http://localhost:8080'],
    ['gapo.example.org', 'https://gapo.example.org'],
    ['gateway.internal:8080', 'https://gapo.example.org'],
    ['gateway.internal:8080', 'http://gateway.internal:8080'],
    ['a.lab.example', 'http://b.lab.example'],
    ['[::1]', 'http://[::1]:80'],
  ];
  for (const [host, origin] of own) assert.equal(refused(host, origin), false, `${host} ${origin}`);
  const others: [string, string][] = [
    ['localhost:8080', 'http://localhost:3000'],
    ['localhost:8080', 'http://127.0.0.1:8080'],
    ['localhost:8080', 'null'],
    ['localhost:8080', 'file://'],
    ['localhost:8080', 'http://gapo.example.org.evil.example'],
    ['lab.example', 'http://lab.example'],
  ];
  for (const [host, origin] of others) assert.equal(refused(host, origin), true, `${host} ${origin}`);
});

test('an entry of the list is a name, the names below one, an address or `*`', () => {
  for (const entry of [
    'gapo',
    'gapo.example.org',
    '.example.org',
    '*.example.org',
    '*',
    '10.0.0.1',
    '::1',
    'my_host',
  ]) {
    assert.ok(isAllowedHostEntry(entry), entry);
  }
  for (const entry of ['', 'http://gapo', 'gapo:8080', 'gapo/', '*gapo', 'a b', '..a']) {
    assert.ok(!isAllowedHostEntry(entry), entry);
  }
});
