/** The page in a real browser: it follows a run live with charts, and lists runs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyHead, lineHash } from '@gapo/access';
import { openPage } from './browser.fixture.js';
import {
  gatewayOn,
  inProcessBus,
  natsBuses,
  patienceMs,
  SteppedRun,
  testRun,
  testStep,
  trainingService,
} from './gateway.fixture.js';

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
      // Sends nothing: the page gets events from the bus.
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
  assert.match(await helpful.first().innerText(), /0\.200[\s\S]*0\.625/);
  // Phases of 0.7, 0.1, 0.6, 0.05 and 0.05 seconds fill the step's 1.5.
  assert.deepEqual(await page.locator('.timeline li').allInnerTexts(), [
    'sampling\n0.7 s, 47 %',
    'rewards\n0.1 s, 7 %',
    'gradients\n0.6 s, 40 %',
    'combination\n0.1 s, 3 %',
    'checkpoint\n0.1 s, 3 %',
  ]);
  const failures = ['3.0.1: <b>timed</b> out'];
  one.publish('reward', { step: 3, objective: 'harmless', service: 'h:50062', failed: 1, failures, seconds: 2 }, { id: '3.harmless.0' }); // prettier-ignore

  // Objectives come and go: each has its line, and the table shows the last step.
  const remaining = testStep(3).objectives.slice(1);
  const third = { ...testStep(3), objectives: remaining.flatMap((each) => [each, { ...each, name: 'concise' }]) };
  one.publish('step', third, { id: '3' });
  await page.waitForSelector('main[data-step="3"]');
  const charts = page.locator('.chart');
  assert.equal(await charts.count(), 6);
  const legend = await charts.first().locator('.u-label').allInnerTexts();
  assert.deepEqual(legend, ['step', 'helpful', 'harmless', 'concise']);
  const rows = await page.locator('main .scroll >> nth=0 >> td:first-child').allInnerTexts();
  assert.deepEqual(rows, ['harmless', 'concise']);
  assert.match(
    await page.locator('section[aria-label="Reward services"] tr', { hasText: 'harmless' }).innerText(),
    /^harmless\th:50062\t0\.0 s\t0\t3\.0\.1: <b>timed<\/b> out$/,
  );

  one.publish('state', { from: 'RUN_STATE_RUNNING', to: 'RUN_STATE_PAUSED', reason: 'asked' }, { id: '2' });
  await page.waitForSelector('main[data-state="paused"]');
  assert.match(await page.locator('main h2').first().innerText(), /one paused asked/);

  // The coordinator is waiting; no event reports what each check finds.
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

test('why a direction was taken: the certificate, the Gram matrix and conflicts, at a step of the address and at the last one', async (t) => {
  const opened = await openPage(t);
  if (opened === undefined) return;
  const { page, problems } = opened;
  const training = new SteppedRun('one', [1, 2, 3].map(testStep));
  const coordinator = await trainingService(t, { runs: [training.run], watch: training.watch });
  const { address } = await gatewayOn(t, coordinator, await inProcessBus(t));
  await page.goto(`http://${address}/#one/why?step=2`);
  await page.waitForSelector('[data-step="2"] .certificate');
  assert.match(
    await page.locator('.certificate').innerText(),
    /helpful \+0\.83, harmless \+0\.34, nobody hurt; residual 0/,
  );
  assert.deepEqual(await page.locator('.gram tbody tr').allInnerTexts(), [
    'helpful\t1.00\t-0.25',
    'harmless\t-0.25\t1.00',
  ]);
  // Unit gradients with a cosine of -1/4: their midpoint has a cosine of √(3/8) with each.
  assert.match(
    await page.locator('.certificate').innerText(),
    /improves every objective, with a cosine of at least 0\.612/,
  );
  await page.click('text=Show inner products');
  assert.deepEqual(await page.locator('.gram tbody tr').allInnerTexts(), ['helpful\t4\t-1', 'harmless\t-1\t4']);
  const heat = page.getByRole('slider', { name: 'Step' });
  await page.waitForSelector('.heat output:has-text("Step 2: helpful × harmless -0.25")');

  // By keyboard, to the next step; the URL follows.
  await heat.focus();
  await page.keyboard.press('ArrowRight');
  await page.waitForSelector('[data-step="3"] .certificate');
  assert.equal(await page.evaluate('location.hash'), '#one/why?step=3');
  await page.click('text=Latest');
  training.take({ ...testStep(4), objectives: testStep(4).objectives.map((each, i) => ({ ...each, weight: i })) });
  await page.waitForSelector('[data-step="4"] .certificate[data-hurt="true"]');
  assert.match(
    await page.locator('.certificate').innerText(),
    /harmless \+1\.00, helpful hurt though a direction improves all/,
  );
  assert.equal(await page.evaluate('location.hash'), '#one/why');
  await page.waitForSelector('.heat canvas[aria-label*="from step 1 to 4"]');
  assert.deepEqual(problems, []);
});

test('a person moves the dial, confirms, and undoes it', async (t) => {
  const opened = await openPage(t);
  if (opened === undefined) return;
  const { page, problems } = opened;
  const training = new SteppedRun('one', [1, 2, 3].map(testStep));
  Object.assign(training.run, { preference: { helpful: 0.5, harmless: 0.5 }, method: 'pgapo' });
  const other = (id: string, helpful: number) => ({
    ...testRun(id, 5),
    preference: { helpful, harmless: 1 - helpful },
  });
  const means = (helpful: number) => [
    { name: 'helpful', after: { mean: 4 * helpful, low: 0, high: 4 } },
    { name: 'harmless', after: { mean: 2 - helpful, low: 0, high: 4 } },
  ];
  const lines: string[] = [];
  let previous = emptyHead.sha256;
  const handlers: Parameters<typeof trainingService>[2] = {
    SetPreference: async ({ preference, author }) => {
      const before = { ...training.run.preference } as Record<string, number>;
      Object.assign(training.run, { preference });
      const by = { name: author, peer: '127.0.0.1:1' };
      const entry = { before: { preference: before }, after: { preference, firstStep: 5 }, previous };
      const line = JSON.stringify({
        sequence: lines.length + 1,
        time: '2026-01-31T12:00:00Z',
        action: 'preference',
        by,
        ...entry,
      });
      previous = lineHash(line);
      lines.push(line);
      return { run: training.run, firstStep: 5, before, author };
    },
    GetAudit: async () => ({ lines, headEntries: lines.length, headSha256: previous }),
    ListEvaluations: async ({ runId }) => ({
      reports: [{ runId, version: 5, prompts: 6, objectives: means(runId === 'low' ? 0 : 1) }],
    }),
  };
  const runs = [training.run, other('low', 0), other('high', 1)];
  const coordinator = await trainingService(t, { runs, watch: training.watch }, handlers);
  const { address } = await gatewayOn(t, coordinator, await inProcessBus(t));
  await page.goto(`http://${address}/#one/steer`);
  // Halfway between the two evaluated policies.
  await page.waitForSelector(
    'text=Lands near helpful 2.00, harmless 1.50 on the held-out prompts, estimated from 2 evaluated runs.',
  );
  const apply = page.getByRole('button', { name: 'Apply from step 5 on' });
  assert.equal(await apply.isDisabled(), true, 'the dial has not been moved');
  await page.getByRole('slider', { name: 'Dial of harmless' }).focus();
  for (let i = 0; i < 20; i++) await page.keyboard.press('ArrowLeft');
  await apply.click();
  await page.waitForSelector(
    'dialog:has-text("helpful 0.5, harmless 0.5 becomes helpful 0.7, harmless 0.3, from step 5 on.")',
  );
  await page.keyboard.press('Escape');
  assert.deepEqual(lines, [], 'Escape changes nothing');
  await apply.click();
  await page.click('dialog button.primary');
  await page.waitForSelector(
    '[role=status]:has-text("helpful 0.7, harmless 0.3 from step 5 on, by page at 127.0.0.1.")',
  );
  await page.waitForSelector('text=In force: helpful 0.7, harmless 0.3.');
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.click('dialog button.primary');
  await page.waitForSelector('text=In force: helpful 0.5, harmless 0.5.');
  assert.equal(lines.length, 2);
  assert.deepEqual(problems, []);
});

test('a person who may not change a run sees disabled buttons with the reason', async (t) => {
  const opened = await openPage(t, (error) => error.includes('401'));
  if (opened === undefined) return;
  const { page, problems } = opened;
  const run = { ...testRun('one', 0), preference: { helpful: 0.5, harmless: 0.5 } };
  const watch = new SteppedRun('one', []).watch;
  const audit = { GetAudit: async () => ({ lines: [], headEntries: 0, headSha256: emptyHead.sha256 }) };
  const coordinator = await trainingService(t, { runs: [run], watch, token: 'gapo_right' }, audit);
  const { address } = await gatewayOn(t, coordinator, await inProcessBus(t));
  await page.goto(`http://${address}/#one/steer`);
  await page.getByLabel('Token').fill('gapo_right');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.waitForSelector('text=Not allowed: this needs the role operator; the token of vi has viewer.');
  const buttons = page.locator('main button');
  const names = await buttons.allInnerTexts();
  assert.ok(names.includes('Pause') && names.includes('Add an objective'), names.join(', '));
  for (const button of await buttons.all()) {
    assert.equal(await button.isDisabled(), true);
    assert.match((await button.getAttribute('title')) ?? '', /needs the role operator/);
  }
  assert.deepEqual(problems, []);
});
