/** Evaluations over HTTP, and on the page, which starts and compares them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RpcError, type EvaluateRunRequest, type EvaluationReportInput } from '@gapo/rpc';
import { openPage } from './browser.fixture.js';
import { gatewayOn, inProcessBus, SteppedRun, testStep, trainingService } from './gateway.fixture.js';

const interval = (mean: number) => ({ mean, low: mean - 1, high: mean + 1 });

/** The result of a version; its mean reward is the version number. */
function reportOf(version: number, samples: number): EvaluationReportInput {
  const objectives = ['helpful', 'harmless'].map((name) => ({
    name,
    before: interval(0),
    after: interval(version),
    difference: interval(version),
    winRate: { mean: 0.75, low: 0.5, high: 1 },
  }));
  const texts = Array.from({ length: samples }, (_, i) => ({
    prompt: `prompt ${i}`,
    before: 'start',
    after: `<b>version ${version}</b>`,
    scoresBefore: [0, 0],
    scoresAfter: [version, version],
  }));
  return { runId: 'one', version, prompts: 16, objectives, samples: texts, winRate: { mean: 0.75, low: 0.5, high: 1 } };
}

/** A gateway over a run whose versions 1 and 2 can be evaluated; a version after 2 fails in the middle. */
async function evaluated(t: Parameters<typeof trainingService>[0]) {
  const asked: EvaluateRunRequest[] = [];
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const kept = new Map<number, EvaluationReportInput>();
  const training = new SteppedRun('one', [testStep(1)]);
  const coordinator = await trainingService(
    t,
    { runs: [training.run], watch: training.watch },
    {
      ListEvaluations: async () => ({ reports: [...kept.values()] }),
      async *EvaluateRun(request, { signal }) {
        asked.push(request);
        const { version = 2, samples } = request;
        if (version === 9) throw new RpcError('NOT_FOUND', 'run one has no version 9');
        yield { progress: { phase: 'sampling', done: 1, total: 4 } };
        if (version === 3) throw new RpcError('UNAVAILABLE', 'reward helpful does not answer');
        if (version === 4) {
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
          end();
          return;
        }
        kept.set(version, reportOf(version, 0));
        yield { report: reportOf(version, samples) };
      },
    },
  );
  const { address } = await gatewayOn(t, coordinator, await inProcessBus(t));
  return { address, asked, ended };
}

test('the API sends progress and the result as lines, and refuses what it does not know', async (t) => {
  const { address, asked } = await evaluated(t);
  const post = async (body: object): Promise<[number, string]> => {
    const headers = { 'content-type': 'application/json' };
    const path = `http://${address}/api/runs/one/evaluations`;
    const response = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
    return [response.status, await response.text()];
  };
  const [status, text] = await post({ samples: 1 });
  assert.equal(status, 200);
  const lines = text.trimEnd().split('\n').map((line) => JSON.parse(line) as { progress?: { done: number }; report?: { version: number; samples: unknown[] } }); // prettier-ignore
  assert.deepEqual([lines[0]?.progress?.done, lines[1]?.report?.version, lines[1]?.report?.samples.length], [1, 2, 1]);
  assert.deepEqual([asked[0]?.version, asked[0]?.samples], [undefined, 1]);
  assert.equal((await post({ preference: { helpful: 0.7, harmless: 0.3 } }))[0], 200);
  assert.deepEqual([asked[0]?.preference, asked[1]?.preference], [{}, { helpful: 0.7, harmless: 0.3 }]);
  assert.match((await post({ preference: { helpful: 'most' } }))[1], /preference\.helpful/);
  assert.deepEqual(await post({ version: 9 }), [404, '{"error":"run one has no version 9"}']);
  assert.match((await post({ version: 3 }))[1], /\n\{"error":"the coordinator does not answer: reward helpful/);
  assert.match((await post({ version: -1, sample: 1 }))[1], /version: .*; body: .*sample/);
});

test('a caller that disconnects before the evaluation begins starts none', async (t) => {
  let answerCaller = (): void => undefined;
  const callerAsked = new Promise<void>((resolve) => (answerCaller = resolve));
  const begun: AbortSignal[] = [];
  let askedCaller = (): void => undefined;
  const asked = new Promise<void>((resolve) => (askedCaller = resolve));
  const training = new SteppedRun('one', [testStep(1)]);
  const coordinator = await trainingService(
    t,
    { runs: [training.run], watch: training.watch },
    {
      GetCaller: async () => {
        askedCaller();
        await callerAsked;
        return {};
      },
      async *EvaluateRun(_, { signal }) {
        begun.push(signal);
        yield { progress: { phase: 'sampling' } };
      },
    },
  );
  const { address } = await gatewayOn(t, coordinator, await inProcessBus(t));
  const leaving = new AbortController();
  const headers = { 'content-type': 'application/json' };
  const path = `http://${address}/api/runs/one/evaluations`;
  const left = fetch(path, { method: 'POST', headers, body: '{}', signal: leaving.signal });
  await asked;
  leaving.abort();
  await assert.rejects(left);
  // A request after it, on another connection, shows that the gateway has seen the first one close.
  await fetch(`http://${address}/api/runs`);
  answerCaller();
  assert.equal((await fetch(`http://${address}/healthz`)).status, 200);
  assert.deepEqual(begun, []);
});

test('the page evaluates versions, compares what they wrote, and ends an evaluation that it leaves', async (t) => {
  const opened = await openPage(t);
  if (opened === undefined) return;
  const { page, problems } = opened;
  const { address, ended } = await evaluated(t);
  await page.goto(`http://${address}/#one/evaluation`);
  await page.waitForSelector('text=No version has been evaluated yet.');
  const evaluate = async (version: string, said: string): Promise<void> => {
    await page.getByLabel('Version', { exact: true }).fill(version);
    await page.getByRole('button', { name: 'Evaluate' }).click();
    await page.waitForSelector(`[role=status]:has-text("${said}")`);
  };
  await evaluate('1', 'Version 1: wins 75 % of 16 prompts');
  await evaluate('', 'Version 2: wins 75 % of 16 prompts');
  const rows = await page.locator('table').first().locator('tbody tr').allInnerTexts();
  assert.deepEqual(
    rows.map((row) => row.split('\t').slice(0, 3)),
    [
      ['start', '0.000', '-1.000 to 1.000'],
      ['1', '1.000', '0.000 to 2.000'],
      ['2', '2.000', '1.000 to 3.000'],
    ],
  );
  const [first] = await page.locator('table.samples tbody tr').allInnerTexts();
  assert.deepEqual(
    first?.split(/[\t\n]+/).map((text) => text.trim()),
    [
      'prompt 0',
      'start',
      'helpful 0.00, harmless 0.00',
      '<b>version 1</b>',
      'helpful 1.00, harmless 1.00',
      '<b>version 2</b>',
      'helpful 2.00, harmless 2.00',
    ],
  );
  await evaluate('3', 'reward helpful does not answer');
  await evaluate('4', 'Evaluating: sampling 1 of 4');
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.waitForSelector('text=Stopped.');
  await ended;
  assert.deepEqual(problems, []);
});
