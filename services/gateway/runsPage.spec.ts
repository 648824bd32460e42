/** The views of all runs in a real browser: the list, two runs compared, and the Pareto plane. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RpcError, type RunInput } from '@gapo/rpc';
import { openPage } from './browser.fixture.js';
import { gatewayOn, inProcessBus, testRun, testStep, trainingService } from './gateway.fixture.js';

const heldOut = (sha256: string) => [{ key: 'heldOut', file: 'heldout.jsonl', sha256 }];

const runs: RunInput[] = [
  { ...testRun('half', 0), ingredients: { low: 0.5, high: 0.5 }, state: 'RUN_STATE_SUCCEEDED' },
  { ...testRun('high', 2), data: heldOut('a'.repeat(64)), state: 'RUN_STATE_SUCCEEDED' },
  { ...testRun('low', 2), tags: ['nightly', 'team=support'], data: heldOut('a'.repeat(64)), method: 'linear' },
];

const means: Readonly<Record<string, readonly [number, number]>> = { half: [3, 3], high: [1, 4], low: [4, 1] };

test('runs are searched, filtered and compared, and their evaluated versions are points of a plane', async (t) => {
  const opened = await openPage(t);
  if (opened === undefined) return;
  const { page, problems } = opened;
  let evaluated = false;
  const watch = async function* (_: string, after: number) {
    for (const step of [1, 2].slice(after)) yield { step: testStep(step) };
  };
  const handlers: Parameters<typeof trainingService>[2] = {
    ListEvaluations: async ({ runId }) => {
      const objectives = ['helpful', 'harmless'].map((name, k) => {
        const mean = means[runId]?.[k] ?? NaN;
        return { name, before: { mean: 0, low: 0, high: 0 }, after: { mean, low: mean - 1, high: mean + 1 } };
      });
      if (!evaluated && runId === 'low')
        throw new RpcError('FAILED_PRECONDITION', 'run low cannot be read: <b>damaged</b>');
      return evaluated ? { reports: [{ runId, version: 2, objectives }] } : {};
    },
  };
  const coordinator = await trainingService(t, { runs, watch }, handlers);
  const { address } = await gatewayOn(t, coordinator, await inProcessBus(t));
  await page.goto(`http://${address}/#?search=lo`);
  await page.waitForSelector('main table');
  const shown = () => page.locator('main tbody tr td:nth-child(2)').allInnerTexts();
  assert.deepEqual(await shown(), ['low\nnightlyteam=support'], 'the address has the search');
  await page.getByLabel('Search in runs').fill('');
  await page.getByRole('combobox', { name: 'State' }).selectOption('succeeded');
  assert.deepEqual(await shown(), ['half', 'high']);
  await page.getByRole('combobox', { name: 'State' }).selectOption('');
  await page.click('.tag >> text=team=support');
  assert.deepEqual(await shown(), ['low\nnightlyteam=support']);
  assert.equal(await page.evaluate('location.hash'), '#?search=team%3Dsupport');
  await page.getByLabel('Search in runs').fill('');
  await page.getByRole('combobox', { name: 'State' }).selectOption('succeeded');
  await page.getByRole('combobox', { name: 'Method' }).selectOption('linear');
  await page.waitForSelector('text=None of the 3 runs matches.');
  assert.equal(await page.evaluate('location.hash'), '#?method=linear&state=succeeded');
  await page.getByRole('combobox', { name: 'State' }).selectOption('');
  await page.getByLabel('Compare low').check();
  await page.getByRole('combobox', { name: 'Method' }).selectOption('');
  await page.getByLabel('Compare high').check();
  await page.click('text=Compare 2 runs');
  await page.waitForSelector('.chart canvas >> nth=4');
  assert.equal(await page.evaluate('location.hash'), '#/compare?runs=low%2Chigh');
  assert.deepEqual(await page.locator('.chart h2').allInnerTexts(), [
    'Mean reward',
    'Weight in the update',
    'KL to the reference, per token',
    'Stationarity (0: Pareto stationary)',
    'Completion length in tokens',
  ]);
  const labels = await page.locator('.chart').first().locator('.u-label').allInnerTexts();
  assert.deepEqual(labels, ['step', 'helpful · low', 'harmless · low', 'helpful · high', 'harmless · high']);

  await page.click('.tabs >> text=Pareto plane');
  await page.waitForSelector('text=No version has been evaluated on two objectives yet.');
  assert.deepEqual(await page.locator('main .problem').allInnerTexts(), ['run low cannot be read: <b>damaged</b>']);
  evaluated = true;
  await page.goto(`http://${address}/#/pareto?x=harmless`);
  await page.waitForSelector('.point >> nth=2');
  assert.match(
    await page.locator('main [role=status]').innerText(),
    /^3 evaluated versions, 3 of them on the front of harmless and helpful; hypervolume /,
  );
  const label = 'half, version 2: harmless 3.000, helpful 3.000, on the front';
  assert.equal(await page.getByRole('link', { name: label }).count(), 1);
  await page.locator('label', { hasText: 'Across' }).locator('select').selectOption('helpful');
  await page.waitForSelector('[aria-label^="low, version 2: helpful 4.000, harmless 1.000"]');
  assert.equal(await page.evaluate('location.hash'), '#/pareto?x=helpful&y=harmless');
  const places = await page.evaluate<number[]>(
    `['high', 'half', 'low'].map((run) => document.querySelector('.point[href="#' + run + '"]').getBoundingClientRect().left)`,
  );
  const [first = NaN, middle = NaN, last = NaN] = places;
  assert.ok(first + 100 < middle && middle + 100 < last, `from the lowest to the highest: ${places.join(' ')}`);
  await page.getByLabel(/^low, version 2/).click();
  await page.waitForSelector('main[data-step="2"]');
  assert.deepEqual(problems, []);
});
