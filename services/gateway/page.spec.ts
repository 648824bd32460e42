/** The page in a real browser: it follows a run live, with charts, and lists the runs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPage } from './browser.fixture.js';
import { gatewayOn, natsBuses, testRun, testStep, trainingService, patienceMs } from './gateway.fixture.js';

test('the page lists the runs, follows one live and draws its charts', async (t) => {
  const opened = await openPage(t);
  if (opened === undefined) return;
  const { page, problems } = opened;
  const buses = await natsBuses(t);
  if (buses === undefined) return;
  const { publisher, outboxOf, bus } = buses;
  const one = outboxOf('one');
  const runs = [testRun('one', 1)];
  const coordinator = await trainingService(t, {
    runs,
    async *watch() {
      // The page listens to events.
    },
  });
  const { address } = await gatewayOn(t, coordinator, bus);
  one.publish('step', testStep(1), { id: '1' });
  await publisher.flush(patienceMs);

  await page.goto(`http://${address}/`);
  await page.click('main a:text("one")');
  await page.waitForSelector('main[data-step="1"]');
  // The run itself is at step 1 before the event has arrived. All charts are drawn at once.
  await page.waitForSelector('.chart canvas');
  assert.equal(await page.locator('.chart canvas').count(), 6);

  one.publish(
    'rollout',
    { step: 2, shard: 0, version: 1, sequences: 4, tokens: 40, seconds: 1, worker: 'w:1' },
    { id: '2.0.0' },
  );
  await page.waitForSelector('text=step 2: 1 shards sampled');
  one.publish('step', testStep(2), { id: '2' });
  await page.waitForSelector('main[data-step="2"]');
  const helpful = page.locator('main .scroll tr', { hasText: 'helpful' });
  assert.match(await helpful.innerText(), /0\.200[\s\S]*0\.625/);

  // Objectives come and go: each has its line, the table is that of the last step.
  const remaining = testStep(3).objectives.slice(1);
  const third = { ...testStep(3), objectives: remaining.flatMap((each) => [each, { ...each, name: 'concise' }]) };
  one.publish('step', third, { id: '3' });
  await page.waitForSelector('main[data-step="3"]');
  const charts = page.locator('.chart');
  assert.equal(await charts.count(), 6);
  const legend = await charts.first().locator('.u-label').allInnerTexts();
  assert.deepEqual(legend, ['step', 'helpful', 'harmless', 'concise']);
  const rows = await page.locator('main .scroll td:first-child').allInnerTexts();
  assert.deepEqual(rows, ['harmless', 'concise']);

  one.publish('state', { from: 'RUN_STATE_RUNNING', to: 'RUN_STATE_PAUSED', reason: 'asked' }, { id: '2' });
  await page.waitForSelector('main[data-state="paused"]');
  assert.match(await page.locator('main h2').first().innerText(), /one paused asked/);

  // The coordinator waits: no event says what each check finds.
  const wait = { waitingFor: 'reward harmless at h:1', problem: 'refused', attempts: 0, maxAttempts: 10 };
  runs[0] = { ...testRun('one', 3), state: 'RUN_STATE_PAUSED', recovery: wait };
  await page.waitForSelector('text=waiting for reward harmless at h:1: refused');
  runs[0] = { ...runs[0], recovery: { ...wait, nextCheck: { seconds: 0, nanos: 0 } } };
  await page.waitForSelector('text=refused; checked again in 0 s');
  runs[0] = testRun('one', 3);
  one.publish('state', { from: 'RUN_STATE_PAUSED', to: 'RUN_STATE_RUNNING', reason: '' }, { id: '3' });
  await page.waitForSelector('main p:text-is("")', { state: 'attached' });

  await page.emulateMedia({ colorScheme: 'dark' });
  const ground = await page.evaluate('getComputedStyle(document.body).backgroundColor');
  assert.equal(ground, 'rgb(20, 23, 26)');
  assert.deepEqual(problems, []);
});
