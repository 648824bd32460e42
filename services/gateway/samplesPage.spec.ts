/** The completions of a run over HTTP and on the page. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RpcError, type ListSamplesRequest, type ListSamplesResponseInput, type SampleInput } from '@gapo/rpc';
import { openPage } from './browser.fixture.js';
import { gatewayOn, inProcessBus, SteppedRun, testStep, trainingService } from './gateway.fixture.js';

const evil = '<img src=x onerror="document.title=1"><script>document.title = "taken"</script>';

const sample = (step: number, number: number, more: SampleInput = {}): SampleInput => ({
  step,
  promptId: `${'0'.repeat(15)}${number}`,
  prompt: number,
  promptText: `prompt ${number}`,
  completion: `completion ${number} of step ${step}`,
  finished: number > 0,
  tokens: 4,
  logprob: -2,
  scores: [
    { objective: 'helpful', score: number / 4, advantage: -0.5 },
    { objective: 'harmless', failure: 'timed out' },
  ],
  ...more,
});

const tokens = [
  { text: '<b>', logprob: -0.5, advantages: [0.25, -1] },
  { text: ' hi', logprob: 0 },
  { text: '', logprob: -3 },
];

/**
 * A run that keeps completions of steps 1 and 3, two per page.
 *
 * @throws RpcError NOT_FOUND for any other step
 */
function samplesOf(request: ListSamplesRequest): ListSamplesResponseInput {
  const { promptId, order, pageToken, step = 3, unfinished } = request;
  const steps = [1, 3];
  if (promptId !== '') {
    return { steps, total: 2, samples: steps.map((of) => sample(of, 0, { completion: `followed to ${of}` })) };
  }
  if (!steps.includes(step)) throw new RpcError('NOT_FOUND', `run one has no completions of step ${step}`);
  const page = { steps, step, version: step - 1, sampled: 128, kept: 3, total: 3 };
  if (unfinished) return { ...page, total: 0 };
  if (pageToken === '2') return { ...page, samples: [sample(step, 2)] };
  const first = sample(step, 0, { completion: order === 'SAMPLE_ORDER_WORST' ? 'the worst' : evil });
  return { ...page, samples: [first, sample(step, 1, { completion: 'long '.repeat(200) })], nextPageToken: '2' };
}

test('the API passes on what is asked for, and names a parameter that is wrong', async (t) => {
  const asked: ListSamplesRequest[] = [];
  const training = new SteppedRun('one', [testStep(1)]);
  const coordinator = await trainingService(
    t,
    { runs: [training.run], watch: training.watch },
    {
      ListSamples: async (request) => (asked.push(request), samplesOf(request)),
      GetSample: async ({ step, prompt, sample: number }) => ({ sample: sample(step, number, { prompt }) }),
    },
  );
  const { address } = await gatewayOn(t, coordinator, await inProcessBus(t));
  const get = async (query: string): Promise<[number, { error?: string; samples?: { completion: string }[] }]> => {
    const response = await fetch(`http://${address}/api/runs/one/samples?${query}`);
    return [response.status, (await response.json()) as object];
  };
  const [status, { samples }] = await get('step=1&order=worst&objective=helpful&search=a+b&size=2&page=7');
  assert.deepEqual([status, samples?.[0]?.completion], [200, 'the worst']);
  const { step, order, objective, search, pageSize, pageToken } = asked[0] ?? ({} as ListSamplesRequest);
  assert.deepEqual(
    [step, order, objective, search, pageSize, pageToken],
    [1, 'SAMPLE_ORDER_WORST', 'helpful', 'a b', 2, '7'],
  );
  for (const [query, error] of [
    ['step=x', 'step: found "x", expected a step\'s number'],
    ['order=best', 'order: found "best", expected one of sampled, worst, conflict, longest'],
    ['unfinished=1', 'unfinished: found "1", expected one of true, false'],
    ['size=-1', 'size: found "-1", expected an integer from 0 to 100'],
  ] as const) {
    assert.deepEqual(await get(query), [400, { error }]);
  }
  const one = async (path: string): Promise<unknown> =>
    (await fetch(`http://${address}/api/runs/one/samples/${path}`)).json();
  assert.equal(((await one('3/2/1')) as { sample: SampleInput }).sample.completion, 'completion 1 of step 3');
  assert.deepEqual(await one('3/2/x'), { error: 'sample: found "x", expected an index, from 0' });
  assert.deepEqual(await get('step=2'), [404, { error: 'run one has no completions of step 2' }]);
});

test('completions are texts, with scores and advantages; orders and filters are in the address', async (t) => {
  const opened = await openPage(t);
  if (opened === undefined) return;
  const { page, problems } = opened;
  const training = new SteppedRun('one', [1, 2, 3].map(testStep));
  let empty = true;
  const coordinator = await trainingService(
    t,
    { runs: [training.run, { ...training.run, id: 'two' }], watch: training.watch },
    {
      ListSamples: async (request) => {
        if (request.runId === 'two') return { steps: [9], total: 1, samples: [sample(9, 0, { completion: 'of two' })] };
        return empty ? {} : samplesOf(request);
      },
      GetSample: async ({ step, sample: number }) => ({ sample: sample(step, number, { tokenList: tokens }) }),
    },
  );
  const { address } = await gatewayOn(t, coordinator, await inProcessBus(t));
  await page.goto(`http://${address}/#one/samples`);
  await page.waitForSelector('text=No completions are kept yet.');
  empty = false;
  training.take(testStep(4));
  await page.waitForSelector('text=Sampled by version 2: 3 of 128 completions are kept.');
  assert.equal(await page.title(), 'gapo: one', 'no script of a completion ran');
  assert.equal(await page.locator('.sample img').count(), 0);
  assert.equal(await page.locator('.sampleText').first().innerText(), evil);
  assert.deepEqual(await page.locator('.sample').first().locator('.scores li').allInnerTexts(), [
    'helpful 0.000 -0.50',
    'harmless no score: timed out',
  ]);
  assert.match(
    await page.locator('.sample').first().innerText(),
    /4 tokens, -0\.5 log-probability per token, unfinished/,
  );
  await page.click('text=Show all 1000 characters');
  assert.equal((await page.locator('.sampleText').nth(1).innerText()).trim().length, 999);
  await page.locator('text=Token by token').first().click();
  await page.waitForSelector('.tokens');
  assert.deepEqual(await page.locator('.tokens [role=option]').allInnerTexts(), ['<b>', ' hi', '∅']);
  assert.equal(
    await page.locator('.tokenFacts').innerText(),
    'Token 1 of 4: "<b>", log-probability -0.5 (61 %), advantage helpful +0.25, harmless -1.00',
  );
  await page.locator('.tokens').press('ArrowRight');
  assert.match(await page.locator('.tokenFacts').innerText(), /^Token 2 of 4: " hi", log-probability 0 \(100 %\)$/);
  assert.equal(await page.locator('.tokens + p').innerText(), '1 further tokens are not kept.');
  await page.click('text=More (2 of 3 are shown)');
  await page.waitForSelector('[data-shown="3"]');

  await page.getByLabel('Order').selectOption({ label: 'lowest helpful first' });
  await page.waitForSelector('.sampleText:has-text("the worst")');
  await page.getByLabel('Kept step before').click();
  await page.waitForSelector('[data-step="1"]');
  assert.equal(await page.evaluate('location.hash'), '#one/samples?step=1&order=worst&objective=helpful');
  await page.getByLabel('unfinished only').check();
  await page.waitForSelector('text=None fits.');
  assert.match(await page.locator('[role=status]').first().innerText(), /0 of them match/);
  await page.getByLabel('unfinished only').uncheck();
  await page.locator('text=This prompt over the steps').first().click();
  await page.waitForSelector('.stepColumns section >> nth=1');
  assert.deepEqual(await page.locator('.stepColumns .sampleText').allInnerTexts(), ['followed to 1', 'followed to 3']);
  await page.getByLabel('The same prompt in').selectOption('two');
  await page.waitForSelector('.beside .sampleText:has-text("of two")');
  assert.equal(await page.evaluate('location.hash'), `#one/samples?prompt=${'0'.repeat(16)}&beside=two`);
  await page.reload();
  await page.waitForSelector('.beside .sampleText:has-text("of two")');
  await page.click('.stepColumns >> text=Step 1');
  await page.waitForSelector('[data-step="1"] .prompt');
  assert.deepEqual(problems, []);
});
