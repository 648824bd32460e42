/** The gateway's API against a real TrainingService, and its event streams against a real NATS server. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { RpcError } from '@gapo/rpc';
import {
  gatewayOn,
  inProcessBus,
  natsBuses,
  readEvents,
  takeEvents,
  testRun,
  testStep,
  trainingService,
  patienceMs,
} from './gateway.fixture.js';

async function* nothing(): AsyncGenerator<never> {
  // A run that sends nothing more.
}

async function getJson(url: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(url);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test('runs and steps come from the coordinator as JSON; a number that is not finite is null', async (t) => {
  const coordinator = await trainingService(t, {
    runs: [testRun('one', 3)],
    async *watch(_, after) {
      for (let step = after + 1; step <= 3; step++) {
        yield { step: { ...testStep(step), ...(step === 2 ? { kl: NaN } : {}) } };
      }
      await new Promise(() => undefined); // a run in progress: the stream stays open
    },
  });
  const { address } = await gatewayOn(t, coordinator, await inProcessBus(t));

  const runs = await getJson(`http://${address}/api/runs`);
  assert.equal(runs.status, 200);
  const [run] = runs.body['runs'] as [Record<string, unknown>];
  assert.equal(run['state'], 'RUN_STATE_RUNNING');
  assert.equal(run['created'], '2025-01-01T00:00:00.000Z');
  assert.ok(!('lastStep' in run), 'what is not set is left out');

  const all = await getJson(`http://${address}/api/runs/one/steps`);
  const steps = all.body['steps'] as { step: number; kl: number | null }[];
  assert.deepEqual(
    steps.map(({ step, kl }) => [step, kl]),
    [
      [1, 0.01],
      [2, null],
      [3, 0.03],
    ],
  );
  const later = await getJson(`http://${address}/api/runs/one/steps?after=2`);
  assert.deepEqual(
    (later.body['steps'] as { step: number }[]).map(({ step }) => step),
    [3],
  );
});

test('a step says why it took its direction; columns of all steps are read once, and again where a run repeated its steps', async (t) => {
  const [run, steps] = [testRun('one', 4), [1, 2, 3, 4].map(testStep)];
  const asked: number[] = [];
  const coordinator = await trainingService(t, {
    runs: [run],
    async *watch(_, after) {
      asked.push(after);
      for (const step of steps.slice(after)) yield { step };
    },
  });
  const { address } = await gatewayOn(t, coordinator, await inProcessBus(t));
  const get = (path: string) => getJson(`http://${address}/api/runs/one/${path}`);

  const { body } = await get('steps/2');
  assert.equal((body['step'] as { step: number }).step, 2);
  const why = body['why'] as { text: string; gram: number[][] };
  // G = [[4, -1], [-1, 4]], w = [0.625, 0.375].
  assert.deepEqual(why.gram, [
    [4, -1],
    [-1, 4],
  ]);
  assert.equal(why.text, 'helpful +0.83, harmless +0.34, nobody hurt; residual 0');
  for (const [path, status] of [
    ['steps/5', 404],
    ['steps/0', 404],
    ['steps/x', 400],
    ['series?kind=x', 400],
    ['series?from=-1', 400],
  ] as const) {
    assert.equal((await get(path)).status, status, path);
  }

  asked.length = 0;
  const columns = async (query: string): Promise<unknown> => (await get(`series?${query}`)).body;
  assert.deepEqual(await columns('kind=conflicts'), {
    steps: [1, 2, 3, 4],
    columns: { 'cosine\nhelpful\nharmless': [-0.25, -0.25, -0.25, -0.25] },
  });
  const curves = (await columns('from=2&to=3')) as { steps: number[]; columns: Record<string, number[]> };
  assert.deepEqual(curves.steps, [2, 3]);
  assert.deepEqual(curves.columns['reward\nhelpful'], [0.2, 0.3]);
  assert.deepEqual(asked, [0, 3], 'the last step shows whether the run repeated steps');

  // Resumed from step 2: steps 3 and 4 took a different time and had different rewards.
  const repeated = { ...testStep(7), seconds: 9 };
  steps.splice(2, 2, { ...repeated, step: 3 }, { ...repeated, step: 4 });
  const again = (await columns('')) as typeof curves;
  assert.deepEqual(again.columns['reward\nhelpful'], [0.1, 0.2, 0.7, 0.7]);
  assert.deepEqual(asked, [0, 3, 3, 0]);
  // A run that is behind what the gateway knows.
  Object.assign(run, { step: 3 });
  steps.pop();
  assert.deepEqual(((await columns('')) as typeof curves).steps, [1, 2, 3]);
});

test('errors say what was wrong, with the matching status', async (t) => {
  const coordinator = await trainingService(t, { runs: [], watch: nothing });
  const { address } = await gatewayOn(t, coordinator, await inProcessBus(t));
  const unknown = await getJson(`http://${address}/api/runs/none`);
  assert.deepEqual([unknown.status, unknown.body['error']], [404, 'there is no run none']);
  assert.equal((await getJson(`http://${address}/api/runs/none/events`)).status, 404);
  assert.equal((await getJson(`http://${address}/api/runs/a%20b`)).status, 400);
  assert.equal((await getJson(`http://${address}/api/runs/none/steps?after=x`)).status, 400);
  assert.equal((await getJson(`http://${address}/elsewhere`)).status, 404);
  const away = await gatewayOn(t, '127.0.0.1:1', await inProcessBus(t));
  const answer = await getJson(`http://${away.address}/api/runs`);
  assert.equal(answer.status, 503);
  assert.match(String(answer.body['error']), /coordinator does not answer/);
  const health = await getJson(`http://${away.address}/healthz`);
  assert.deepEqual([health.status, health.body['status'], health.body['coordinator']], [200, 'ok', 'UNREACHABLE']);
});

test('one run whose files are damaged does not keep the others from the plane', async (t) => {
  const interval = { mean: 1, low: 0, high: 2 };
  const objectives = ['helpful', 'harmless'].map((name) => ({ name, before: interval, after: interval }));
  const coordinator = await trainingService(
    t,
    { runs: ['whole', 'damaged', 'removed'].map((id) => testRun(id, 1)), watch: nothing },
    {
      ListEvaluations: async ({ runId }) => {
        if (runId === 'damaged') throw new RpcError('FAILED_PRECONDITION', 'run damaged cannot be read: run.json');
        if (runId === 'removed') throw new RpcError('NOT_FOUND', 'there is no run removed');
        return { reports: [{ runId, version: 1, objectives }] };
      },
    },
  );
  const { address } = await gatewayOn(t, coordinator, await inProcessBus(t));
  const { status, body } = await getJson(`http://${address}/api/plane`);
  const points = body['points'] as { run: string }[];
  assert.deepEqual([status, points.map(({ run }) => run)], [200, ['whole']]);
  assert.deepEqual(body['problems'], ['run damaged cannot be read: run.json']);
});

test('a stream replays the run from JetStream and continues live, each event once and in order', async (t) => {
  const buses = await natsBuses(t);
  if (buses === undefined) return;
  const { publisher, outboxOf, bus } = buses;
  const one = outboxOf('one');
  const coordinator = await trainingService(t, { runs: [testRun('one', 2), testRun('two', 0)], watch: nothing });
  const { address } = await gatewayOn(t, coordinator, bus);
  const publish = (step: number): void => one.publish('step', testStep(step), { id: String(step) });
  publish(1);
  publish(2);
  outboxOf('two').publish('step', testStep(1), { id: '1' });
  assert.ok(await publisher.flush(patienceMs));

  const events = readEvents(`http://${address}/api/runs/one/events`);
  const past = await takeEvents(events, 2);
  publish(3);
  one.publish('state', { from: 'RUN_STATE_RUNNING', to: 'RUN_STATE_SUCCEEDED', reason: '' }, { id: '2' });
  const live = await takeEvents(events, 2);
  await events.return(undefined);
  assert.deepEqual(
    [...past, ...live].map(({ id, data }) => [id, data.type]),
    [
      ['one/step/1', 'gapo.v1.step'],
      ['one/step/2', 'gapo.v1.step'],
      ['one/step/3', 'gapo.v1.step'],
      ['one/state/2', 'gapo.v1.state'],
    ],
  );
  assert.deepEqual(past[0]?.data.data, testStep(1));

  const resumed = readEvents(`http://${address}/api/runs/one/events`, 'one/step/2');
  assert.deepEqual(
    (await takeEvents(resumed, 2)).map(({ id }) => id),
    ['one/step/3', 'one/state/2'],
  );
  await resumed.return(undefined);

  // An event that the server no longer has: everything is sent again rather than nothing.
  const lost = readEvents(`http://${address}/api/runs/one/events`, 'one/step/999');
  assert.deepEqual(
    (await takeEvents(lost, 1)).map(({ id }) => id),
    ['one/step/1'],
  );
  await lost.return(undefined);
});

test('without NATS the coordinator is watched, and a reader resumes after its last step', async (t) => {
  const coordinator = await trainingService(t, {
    runs: [testRun('one', 2)],
    async *watch(_, after) {
      for (let step = after + 1; step <= 2; step++) yield { step: testStep(step) };
      yield { progress: { step: 3, phase: 'sampling', done: 1, total: 4, waitingFor: '' } };
      yield { run: { ...testRun('one', 2), state: 'RUN_STATE_SUCCEEDED' } };
    },
  });
  const { address } = await gatewayOn(t, coordinator, await inProcessBus(t));
  const read = async (last?: string): Promise<string[]> => {
    const names: string[] = [];
    for await (const { id, data } of readEvents(`http://${address}/api/runs/one/events`, last)) {
      names.push(id ?? data.type);
    }
    return names;
  };
  const [state, progress] = ['gapo.v1.state', 'gapo.v1.progress'];
  assert.deepEqual(await read(), [state, 'one/step/1', 'one/step/2', progress, state]);
  assert.deepEqual(await read('one/step/1'), [state, 'one/step/2', progress, state]);
});

test('a reader that leaves before the coordinator has answered is not followed', async (t) => {
  const calls = new EventEmitter();
  const watched: string[] = [];
  const coordinator = await trainingService(
    t,
    {
      runs: [testRun('one', 1), testRun('slow', 1)],
      async *watch(id) {
        watched.push(id);
        yield { step: testStep(1) };
        await new Promise(() => undefined); // a run in progress
      },
    },
    {
      GetRun: async ({ runId }) => {
        if (runId === 'slow') {
          calls.emit('asked');
          await once(calls, 'answer');
        }
        return { run: testRun(runId, 1) };
      },
    },
  );
  const { address } = await gatewayOn(t, coordinator, await inProcessBus(t));
  const asked = once(calls, 'asked');
  const leaving = request(`http://${address}/api/runs/slow/events`).on('error', () => undefined);
  leaving.end();
  await asked;
  const left = new Promise((resolve) => leaving.once('close', resolve));
  leaving.destroy();
  await left;
  // Answered after the gateway has seen the reader disconnect.
  await getJson(`http://${address}/healthz`);
  calls.emit('answer');
  const stays = readEvents(`http://${address}/api/runs/one/events`);
  await takeEvents(stays, 2);
  await stays.return(undefined);
  assert.deepEqual(watched, ['one']);
});

test('stopping the gateway ends open streams', async (t) => {
  const coordinator = await trainingService(t, {
    runs: [testRun('one', 1)],
    async *watch() {
      yield { step: testStep(1) };
      await new Promise(() => undefined);
    },
  });
  const gateway = await gatewayOn(t, coordinator, await inProcessBus(t));
  const events = readEvents(`http://${gateway.address}/api/runs/one/events`);
  await takeEvents(events, 2);
  const rest = takeEvents(events, 1).catch(() => []);
  await gateway.stop();
  assert.deepEqual(await rest, []);
});

test('the page and every file that it names are served, with their types', async (t) => {
  const coordinator = await trainingService(t, { runs: [], watch: nothing });
  const { address } = await gatewayOn(t, coordinator, await inProcessBus(t));
  const index = await fetch(`http://${address}/`);
  const html = await index.text();
  assert.match(index.headers.get('content-type') ?? '', /text\/html/);
  const urls = [...html.matchAll(/"(\/page\/[^"]+)"/g)].map((match) => match[1] ?? '');
  assert.ok(urls.length >= 9, html);
  for (const url of urls) {
    const response = await fetch(`http://${address}${url}`);
    assert.equal(response.status, 200, url);
    assert.match(response.headers.get('content-type') ?? '', url.endsWith('.css') ? /text\/css/ : /text\/javascript/);
    await response.arrayBuffer();
  }
});

test('files of the page are compressed for those who accept it', async (t) => {
  const coordinator = await trainingService(t, { runs: [], watch: nothing });
  const { address } = await gatewayOn(t, coordinator, await inProcessBus(t));
  // fetch would decompress.
  const get = async (accepted: string): Promise<[string | undefined, Buffer]> => {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { 'accept-encoding': accepted };
      request(`http://${address}/page/uPlot.js`, { headers }, resolve).on('error', reject).end();
    });
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    return [answer.headers['content-encoding'], Buffer.concat(chunks)];
  };
  const [none, plain] = await get('identity');
  assert.equal(none, undefined);
  for (const accepted of ['gzip', 'br, gzip;q=0.5', 'deflate,gzip ;q=1']) {
    const [encoding, bytes] = await get(accepted);
    assert.equal(encoding, 'gzip', accepted);
    assert.ok(bytes.length < plain.length / 2 && gunzipSync(bytes).equals(plain));
  }
  for (const refused of ['', 'br', 'gzip;q=0', 'x-gzip', 'gzip; q=0.0, br']) {
    assert.equal((await get(refused))[0], undefined, refused);
  }
});
