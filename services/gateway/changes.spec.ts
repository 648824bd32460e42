/**
 * Changes to runs over HTTP: who may make them, what is refused before calling the coordinator, and which calls it receives.
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { RpcError, toJson, type Handlers } from '@gapo/rpc';
import { Changes } from './changes.js';
import { gatewayOn, inProcessBus, testRun, trainingService, type TestRuns } from './gateway.fixture.js';

type Training = Handlers<'gapo.training.v1.TrainingService'>;

async function* nothing(): AsyncGenerator<never> {
  // The tests are not about streams.
}

/** Starts a gateway whose coordinator records its calls. Returns a function that sends a request. */
async function started(
  t: TestContext,
  access: Pick<TestRuns, 'token' | 'role'> = {},
  handlers: Partial<Training> = {},
) {
  const asked: object[] = [];
  const run = { ...testRun('one', 3), preference: { helpful: 0.5, harmless: 0.5 } };
  const noted = (verb: string) => async (request: object) => {
    asked.push({ verb, ...request });
    return { run };
  };
  const coordinator = await trainingService(
    t,
    { runs: [run], watch: nothing, ...access },
    {
      PauseRun: noted('pause'),
      ResumeRun: noted('resume'),
      CancelRun: noted('cancel'),
      SetPreference: async (request) => {
        asked.push({ verb: 'preference', ...request });
        return {
          run: { ...run, preference: request.preference },
          firstStep: 5,
          before: run.preference,
          author: request.author,
        };
      },
      ChangeObjectives: async (request) => {
        asked.push({ verb: 'objectives', ...toJson('gapo.training.v1.ChangeObjectivesRequest', request) });
        return { run, changed: true, firstStep: 5, before: ['helpful', 'harmless'], author: request.author };
      },
      CreateSoup: async ({ validateOnly }) => ({ run: validateOnly ? null : run }),
      ...handlers,
    },
  );
  const { address } = await gatewayOn(t, coordinator, await inProcessBus(t));
  const send = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const answer = await fetch(`http://${address}/api/${path}`, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  return { asked, send };
}

test('a run is paused, resumed and cancelled, its preference and objectives are changed, by the name of the page', async (t) => {
  const { asked, send } = await started(t);
  const author = 'page at 127.0.0.1';
  for (const verb of ['pause', 'resume', 'cancel']) {
    const { status, body } = await send('POST', `runs/one/${verb}`, {});
    assert.deepEqual([status, (body['run'] as { id: string }).id], [200, 'one'], JSON.stringify(body));
  }
  const preferred = await send('PUT', 'runs/one/preference', { preference: { helpful: 0.7, harmless: 0.3 } });
  assert.deepEqual([preferred.status, preferred.body['firstStep']], [200, 5]);
  const added = {
    name: 'concise',
    service: 'h:1',
    onFailure: 'drop',
    timeoutSeconds: 3,
    scale: 2,
    noise: 0.5,
    threshold: -1,
  };
  const changed = await send('POST', 'runs/one/objectives', { add: [added], remove: ['helpful'] });
  assert.equal(changed.status, 200, JSON.stringify(changed.body));
  assert.deepEqual(
    asked.map((each) => ({ ...each, preference: { ...(each as { preference?: object }).preference } })),
    [
      { verb: 'pause', runId: 'one', author, preference: {} },
      { verb: 'resume', runId: 'one', author, acceptChangedInputs: false, preference: {} },
      { verb: 'cancel', runId: 'one', author, preference: {} },
      { verb: 'preference', runId: 'one', author, preference: { helpful: 0.7, harmless: 0.3 } },
      {
        verb: 'objectives',
        runId: 'one',
        author,
        add: [
          {
            name: 'concise',
            service: 'h:1',
            onFailure: 'FAILURE_POLICY_DROP',
            timeoutSeconds: 3,
            scale: 2,
            noise: 0.5,
            threshold: -1,
            textForm: 'TEXT_FORM_UNSPECIFIED',
          },
        ],
        remove: ['helpful'],
        preference: {},
      },
    ],
  );
});

test('a body that is not understood changes nothing, and the answer names what is wrong', async (t) => {
  const { asked, send } = await started(t);
  const preference = 'runs/one/preference';
  for (const [method, path, body, status, message] of [
    ['PUT', preference, {}, 400, /^preference: /],
    ['PUT', preference, { preference: { helpful: 'x' } }, 400, /^preference\.helpful: /],
    ['PUT', preference, { preference: {}, force: true }, 400, /"force"/],
    ['PUT', preference, '{bad', 400, /JSON/],
    ['PUT', preference, undefined, 400, /^body: /],
    ['POST', 'runs/one/objectives', { add: [{ name: 'a', onFailure: 'ignore' }] }, 400, /^add\.0\.onFailure: /],
    ['POST', 'runs/one/pause', { now: true }, 400, /./],
    ['PUT', preference, { preference: { helpful: 1 }, pad: 'x'.repeat(70_000) }, 413, /large/],
    ['POST', 'runs/a%20b/pause', {}, 400, /is not a run id/],
    ['DELETE', preference, undefined, 405, /it has PUT/],
  ] as const) {
    const answer = await send(method, path, body);
    assert.equal(answer.status, status, `${path} ${JSON.stringify(answer.body)}`);
    assert.match(String(answer.body['error']), message);
  }
  // Requests that a browser sends on behalf of another site.
  for (const headers of [{ origin: 'http://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
    assert.equal((await send('POST', 'runs/one/cancel', {}, headers)).status, 403);
  }
  assert.equal((await send('POST', 'runs/one/cancel', 'a=b', { 'content-type': 'text/plain' })).status, 400);
  assert.deepEqual(asked, []);
});

test('a refusal by the coordinator has its own response', async (t) => {
  const { send } = await started(
    t,
    {},
    {
      SetPreference: async () => {
        throw new RpcError('FAILED_PRECONDITION', 'run one has started its last step: no step is left');
      },
    },
  );
  const answer = await send('PUT', 'runs/one/preference', { preference: { helpful: 1 } });
  assert.deepEqual([answer.status, answer.body['error']], [409, 'run one has started its last step: no step is left']);
});

test('a token without the role changes nothing, and says which role it needs; one with it does', async (t) => {
  const authorization = { authorization: 'Bearer gapo_right' };
  for (const [role, status] of [
    ['viewer', 403],
    ['operator', 200],
  ] as const) {
    const { asked, send } = await started(t, { token: 'gapo_right', role });
    const caller = await send('GET', 'caller', undefined, authorization);
    assert.deepEqual(
      [caller.body['name'], caller.body['role'], caller.body['mayChange']],
      ['vi', role, status === 200],
    );
    const answer = await send('POST', 'runs/one/pause', {}, authorization);
    assert.equal(answer.status, status);
    assert.equal(asked.length, status === 200 ? 1 : 0);
    if (status === 403)
      assert.match(String(answer.body['error']), /needs the role operator; the token of vi has viewer/);
    // It makes the coordinator read the policies of runs.
    const soup = await send('POST', 'soups/check', { ingredients: { one: 1 } }, authorization);
    assert.equal(soup.status, status);
    assert.equal((await send('POST', 'runs/one/pause', {})).status, 401);
  }
});

test('without tokens, a gateway that others reach changes nothing', async () => {
  const nobody = { caller: async () => ({ name: '', role: '' }) };
  const request = { headers: {}, socket: { remoteAddress: '10.0.0.7' } } as never;
  assert.equal((await new Changes(nobody, 'localhost').callerOf(request)).mayChange, true);
  await assert.rejects(
    new Changes(nobody, '0.0.0.0').authorOf(request),
    /everybody who reaches it could change runs; set TOKENS_FILE/,
  );
});
