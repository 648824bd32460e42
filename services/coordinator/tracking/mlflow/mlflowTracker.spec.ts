/** The requests to MLflow match a recording against a real server, made with `make test-trackers RECORD=1`. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { logger } from '@gapo/service';
import { temporaryDirectory } from '@gapo/service/testing';
import { RemovedThere } from '../tracked/tracker.js';
import { beforeTheKill, testRun } from '../trackedRun.fixture.js';
import { MlflowStandIn, readRecording, type Exchange } from './exchanges.fixture.js';
import { MlflowTracker } from './mlflowTracker.js';
import { playScenario, recordAll } from './scenario.fixture.js';

async function standIn(
  t: TestContext,
  exchanges: readonly Exchange[],
): Promise<{ server: MlflowStandIn; url: string }> {
  const server = new MlflowStandIn(exchanges);
  t.after(() => server.close());
  return { server, url: await server.listen() };
}

const { signal } = new AbortController();

test('a run is recorded as with the real server, and continued by other processes without a point twice', async (t) => {
  const { server, url } = await standIn(t, readRecording());
  await playScenario(url, await temporaryDirectory(t));
  assert.equal(server.difference, undefined);
  assert.deepEqual(server.missing, []);
});

test('the recording has every point of every step once, with its step and time', () => {
  const metrics = readRecording().flatMap(({ body }) => (body as { metrics?: { key: string; step: number; timestamp: number; value: unknown }[] } | null)?.metrics ?? []); // prettier-ignore
  const keys = metrics.map(({ key, step, timestamp }) => `${key} ${step} ${timestamp}`);
  assert.equal(new Set(keys).size, keys.length);
  const ofKl = metrics.filter(({ key }) => key === 'gapo.kl');
  assert.deepEqual(ofKl.map(({ step, value }) => [step, value]), [[1, 0.0625], [2, 'NaN'], [2, 'NaN'], [3, 0.1875]]); // prettier-ignore
});

test('a run that was deleted at the server is not recorded again', async (t) => {
  const [experiment, search] = readRecording();
  assert.ok(experiment !== undefined && search !== undefined);
  const found = readRecording().find(
    ({ path, answer }) => path.endsWith('runs/search') && 'runs' in (answer as object),
  );
  assert.ok(found !== undefined);
  const deleted = JSON.parse(JSON.stringify(found.answer).replaceAll('"active"', '"deleted"')) as unknown;
  const known = readRecording().findLast(({ path }) => path.includes('get-by-name'));
  assert.ok(known !== undefined);
  const { url } = await standIn(t, [known, { ...found, answer: deleted }]);
  const run = testRun(await temporaryDirectory(t));
  beforeTheKill(run);
  await assert.rejects(recordAll(run, url, 'recorded'), (error: unknown) => {
    assert.ok(error instanceof RemovedThere);
    assert.match(error.message, /run bandit was deleted at MLflow http:\/\/127\.0\.0\.1:\d+, experiment recorded/);
    return true;
  });
});

test('credentials are sent, from settings or from the URL, and are in no message', async (t) => {
  const { server, url } = await standIn(t, []);
  server.intervene = () => ({ status: 401, answer: { message: 'You are not authenticated.' } });
  const run = testRun(join(await temporaryDirectory(t), 'run'));
  const messages: string[] = [];
  const secret = 'a-secret-of-the-test';
  const withUser = url.replace('//', `//ada:${secret}@`);
  for (const options of [{ url: withUser }, { url, token: secret }, { url, username: 'ada', password: secret }]) {
    const tracker = new MlflowTracker({ ...options, experiment: 'gapo', log: logger('test') });
    await assert.rejects(tracker.open(run, signal), (error: Error) =>
      Boolean(messages.push(error.message, tracker.place)),
    );
    await tracker.close();
  }
  const basic = `Basic ${Buffer.from(`ada:${secret}`).toString('base64')}`;
  assert.deepEqual([...server.authorizations], [basic, `Bearer ${secret}`]);
  assert.match(messages[0] ?? '', /responded with 401: You are not authenticated\.; set MLFLOW_TRACKING_TOKEN, or/);
  assert.doesNotMatch(messages.join('\n'), new RegExp(secret));
});

test('a server that does not answer, or is not MLflow, is named with the problem', async (t) => {
  const { server, url } = await standIn(t, []);
  const run = testRun(join(await temporaryDirectory(t), 'run'));
  server.intervene = () => 'reset';
  await assert.rejects(
    recordAll(run, url, 'gapo'),
    /TrackerError: http.*get-by-name\): (UND_ERR_SOCKET|ECONNRESET|other side closed)/,
  );
  server.intervene = () => ({ status: 200, answer: { hello: 'world' } });
  await assert.rejects(recordAll(run, url, 'gapo'), /get-by-name\): its response is not that of an MLflow server/);
  server.intervene = () => ({ status: 502, answer: 'Bad Gateway' });
  await assert.rejects(recordAll(run, url, 'gapo'), /responded with 502: "Bad Gateway"/);
});
