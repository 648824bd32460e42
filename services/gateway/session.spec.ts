/** Logging in to the page: sessions in cookies, requests from other sites, and the headers that keep out foreign scripts. */
import assert from 'node:assert/strict';
import { request, type IncomingHttpHeaders } from 'node:http';
import { test, type TestContext } from 'node:test';
import { openPage } from './browser.fixture.js';
import { gatewayOn, inProcessBus, testRun, testStep, trainingService } from './gateway.fixture.js';

const token = 'gapo_right';

async function started(t: TestContext): Promise<string> {
  const coordinator = await trainingService(t, {
    token,
    runs: [testRun('one', 1)],
    async *watch() {
      yield { step: testStep(1) };
    },
  });
  return (await gatewayOn(t, coordinator, await inProcessBus(t))).address;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

function ask(address: string, path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const [host, port] = address.split(':');
  return new Promise((resolve, reject) => {
    const sent = request({ host, port, path, method, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => (body += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

const paths = [
  ...['/api/runs', '/api/runs/one', '/api/runs/one/steps', '/api/runs/one/events'],
  ...['/api/runs/one/samples', '/api/runs/one/evaluations', '/api/plane'],
];

test('everything about runs needs a token: in the header, or in the cookie of a session', async (t) => {
  const address = await started(t);
  for (const path of paths) {
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { cookie: 'gapo_session=wrong' }, { cookie: 'x' }]) {
      const { status, body } = await ask(address, path, headers);
      assert.equal(status, 401, `${path} ${body}`);
      assert.match(body, /needs a token with the role viewer/);
    }
  }
  for (const path of ['/', '/healthz', '/page/app.js']) assert.equal((await ask(address, path)).status, 200, path);

  const wrong = await ask(address, '/api/session', { authorization: 'Bearer wrong' }, 'POST');
  assert.deepEqual([wrong.status, wrong.headers['set-cookie']], [401, undefined]);
  assert.equal((await ask(address, '/api/session', {}, 'POST')).status, 401);
  const long = await ask(address, '/api/session', { authorization: `Bearer ${'a'.repeat(4000)}` }, 'POST');
  assert.equal(long.status, 400);

  const loggedIn = await ask(address, '/api/session', { authorization: `Bearer ${token}` }, 'POST');
  assert.equal(loggedIn.status, 204);
  const [cookie = ''] = loggedIn.headers['set-cookie'] ?? [];
  assert.equal(cookie, `gapo_session=${token}; Path=/api; HttpOnly; SameSite=Strict`);
  const session = { cookie: `other=1; ${cookie.split(';')[0] ?? ''}` };
  for (const path of paths) {
    assert.equal((await ask(address, path, session)).status, 200, path);
    assert.equal((await ask(address, path, { authorization: `Bearer ${token}` })).status, 200, path);
  }
  const out = await ask(address, '/api/session', session, 'DELETE');
  assert.match(String(out.headers['set-cookie']), /^gapo_session=; .*Max-Age=0$/);
});

test('other sites change nothing', async (t) => {
  const address = await started(t);
  const authorization = `Bearer ${token}`;
  for (const headers of [
    { authorization, origin: 'https://attacker.example' },
    { authorization, origin: 'null' },
    { authorization, 'sec-fetch-site': 'cross-site' },
    { authorization, 'sec-fetch-site': 'same-site' },
    { authorization, host: 'attacker.example' },
  ]) {
    for (const method of ['POST', 'DELETE']) {
      const answer = await ask(address, '/api/session', headers, method);
      assert.deepEqual([answer.status, answer.headers['set-cookie']], [403, undefined], JSON.stringify(headers));
    }
  }
  const own = { authorization, origin: `http://${address}`, 'sec-fetch-site': 'same-origin' };
  assert.equal((await ask(address, '/api/session', own, 'POST')).status, 204);
});

test('every response tells browsers to run only the scripts of the page, and in no frame', async (t) => {
  const address = await started(t);
  for (const path of ['/', '/page/app.js', '/api/runs', '/nowhere', '/healthz']) {
    const { headers } = await ask(address, path);
    const policy = String(headers['content-security-policy']);
    assert.match(policy, /default-src 'none'; script-src 'self' 'sha256-[^']+=' 'sha256-[^']+='; /, path);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal(headers['x-content-type-options'], 'nosniff');
  }
  const events = await ask(address, '/api/runs/one/events', { authorization: `Bearer ${token}` });
  assert.equal(events.headers['x-content-type-options'], 'nosniff');
  assert.match(events.body, /gapo\.v1\.step/);
});

test('a person logs in on the page and sees the runs', async (t) => {
  const opened = await openPage(t, (error) => error.includes('401'));
  if (opened === undefined) return;
  const { page, problems } = opened;
  const address = await started(t);
  await page.goto(`http://${address}/`);
  await page.fill('form.login input', 'wrong');
  await page.click('form.login button');
  await page.waitForSelector('.problem:text("needs a token")');
  await page.fill('form.login input', token);
  await page.click('form.login button');
  await page.click('main a:text("one")');
  await page.waitForSelector('main[data-step="1"]');
  assert.equal(await page.evaluate('document.cookie'), '', 'no script reads the token');
  assert.deepEqual(problems, []);
});
