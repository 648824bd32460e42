/** The Pareto plane in a real browser: pairs of objectives, zoom, preference-conditioned policies, and averages between points. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { RpcError, type CreateSoupRequest, type EvaluationReportInput, type RunInput } from '@gapo/rpc';
import { openPage } from './browser.fixture.js';
import { gatewayOn, inProcessBus, testRun, trainingService } from './gateway.fixture.js';

const names = ['helpful', 'harmless', 'concise'] as const;
const data = [{ key: 'heldOut', file: 'heldout.jsonl', sha256: 'a'.repeat(64) }];

const runOf = (id: string, changes: RunInput = {}): RunInput => ({
  ...testRun(id, 2),
  state: 'RUN_STATE_SUCCEEDED',
  objectives: [...names],
  data,
  ...changes,
});

const runs: RunInput[] = [
  runOf('half', { data: [], ingredients: { low: 0.5, high: 0.5 } }),
  runOf('dial', { method: 'pgapo', preferenceLevels: 10, preference: { helpful: 0.5, harmless: 0.25, concise: 0.25 } }),
  runOf('high'),
  runOf('low'),
];

/** Mean rewards by run, version and the preference given to the policy. */
const evaluated: readonly [id: string, version: number, rewards: readonly number[], stated?: readonly number[]][] = [
  ['low', 1, [3.4, 0.4, 1]],
  ['low', 2, [4, 1, 0]],
  ['high', 2, [1, 4, 2]],
  ['half', 2, [3, 3, 1]],
  ['dial', 2, [0.5, 5, 1], [0, 1, 0]],
  ['dial', 2, [0, 0, 4], [0, 0, 1]],
  ['dial', 2, [2.5, 4.5, 1], [0.5, 0.5, 0]],
  ['dial', 2, [5, 0.5, 1], [1, 0, 0]],
];

function reportsOf(id: string): EvaluationReportInput[] {
  const interval = (mean: number) => ({ mean, low: mean - 0.05, high: mean + 0.05 });
  return evaluated
    .filter(([run]) => run === id)
    .map(([runId, version, rewards, stated]) => ({
      runId,
      version,
      preference: Object.fromEntries((stated ?? []).map((share, k) => [names[k] ?? '', share])),
      objectives: names.map((name, k) => ({ name, before: interval(0), after: interval(rewards[k] ?? NaN) })),
    }));
}

/** Opens the page on a gateway over these runs. Undefined if there is no browser. */
async function opened(t: TestContext) {
  const found = await openPage(t, (error) => error.includes('409'));
  if (found === undefined) return undefined;
  const soups: CreateSoupRequest[] = [];
  const watch = async function* (): AsyncGenerator<never> {
    // No run takes a step.
  };
  const coordinator = await trainingService(
    t,
    { runs, watch },
    {
      ListEvaluations: async ({ runId }) => ({ reports: reportsOf(runId) }),
      GetAudit: async () => ({ lines: [], headEntries: 0, headSha256: '0'.repeat(64) }),
      async *EvaluateRun({ preference }) {
        yield { report: { ...reportsOf('dial')[0], preference, prompts: 8, winRate: { mean: 0.5, low: 0, high: 1 } } };
      },
      CreateSoup: async (request) => {
        soups.push(request);
        if (!('dial' in request.ingredients)) return {};
        throw new RpcError('FAILED_PRECONDITION', 'run dial cannot be averaged with run low: their base models differ');
      },
    },
  );
  const { address } = await gatewayOn(t, coordinator, await inProcessBus(t));
  return { ...found, soups, url: `http://${address}/` };
}

test('a pair of objectives is opened by the keyboard and by a drag, and a drag in the plane zooms', async (t) => {
  const found = await opened(t);
  if (found === undefined) return;
  const { page, problems, url } = found;
  await page.goto(`${url}#/pareto`);
  await page.waitForSelector('.point >> nth=7');
  const open = () =>
    page.evaluate<string[]>(
      `[...document.querySelectorAll('.pairs [aria-pressed=true]')].map(({ ariaLabel }) => ariaLabel)`,
    );
  assert.deepEqual(await open(), ['helpful across, harmless up']);
  assert.equal(await page.locator('.pairs button').count(), 3);
  assert.equal(await page.locator('.pairs button[tabindex="0"]').count(), 1, 'one stop of the tab key');
  await page.getByRole('button', { name: 'helpful across, harmless up' }).focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await page.waitForSelector('[role=status]:has-text("on the front of harmless and concise")');
  assert.equal(await page.evaluate('location.hash'), '#/pareto?x=harmless&y=concise');
  assert.deepEqual(await open(), ['harmless across, concise up']);
  assert.equal(await page.evaluate('document.activeElement.ariaLabel'), 'harmless across, concise up');

  await page.getByRole('button', { name: 'harmless across, concise up' }).hover();
  await page.mouse.down();
  await page.getByRole('button', { name: 'helpful across, concise up' }).hover();
  assert.match(await page.locator('.pairMatrix').innerText(), /helpful across, concise up/);
  assert.equal(await page.evaluate('location.hash'), '#/pareto?x=harmless&y=concise', 'nothing before it is dropped');
  await page.mouse.up();
  await page.waitForSelector('[role=status]:has-text("on the front of helpful and concise")');
  assert.equal(await page.evaluate('location.hash'), '#/pareto?x=helpful&y=concise');
  const lefts = `new Set([...document.querySelectorAll('.point')].map((each) => each.getBoundingClientRect().left)).size`;
  assert.equal(await page.evaluate(lefts), 8, 'each at its place');

  await page.goto(`${url}#/pareto?x=harmless&y=helpful`);
  await page.waitForSelector('[role=status]:has-text("on the front of harmless and helpful")');
  assert.deepEqual(await open(), ['helpful across, harmless up'], 'the pair, whichever is across');
  const over = await page.locator('.plane .u-over').boundingBox();
  assert.ok(over);
  const points = () => page.locator('.point').count();
  const drag = async (from: readonly [number, number], to: readonly [number, number]): Promise<void> => {
    await page.mouse.move(over.x + over.width * from[0], over.y + over.height * from[1]);
    await page.mouse.down();
    await page.mouse.move(over.x + over.width * to[0], over.y + over.height * to[1], { steps: 4 });
    await page.mouse.up();
  };
  const all = page.getByRole('button', { name: 'Show all' });
  assert.equal(await all.isVisible(), false);
  // The right half contains points more than half as harmless as the most harmless one.
  await drag([0.5, 0.02], [0.98, 0.98]);
  await all.waitFor();
  assert.equal(await points(), 4);
  await page.mouse.dblclick(over.x + over.width * 0.5, over.y + over.height * 0.97);
  await all.waitFor({ state: 'hidden' });
  assert.equal(await points(), 8);
  await drag([0.5, 0.02], [0.98, 0.98]);
  await all.click();
  assert.equal(await points(), 8);
  assert.deepEqual(problems, []);
});

test('two points of compatible runs show the command that averages them; others show the reason against it', async (t) => {
  const found = await opened(t);
  if (found === undefined) return;
  const { page, problems, soups, url } = found;
  await page.goto(`${url}#/pareto?x=helpful&y=harmless`);
  await page.waitForSelector('.point >> nth=7');
  const offer = page.getByRole('region', { name: 'Average of two runs' });
  await offer.getByText('Choose two points to average their runs').waitFor();
  await page.getByRole('link', { name: /^low, version 1/ }).click({ modifiers: ['Shift'] });
  await offer.getByText('low, version 1, is chosen.').waitFor();
  assert.equal(await page.evaluate('location.hash'), '#/pareto?x=helpful&y=harmless', 'a run is not opened');
  await page.getByRole('checkbox', { name: /^Choose high, version 2/ }).check();
  await offer.getByText('gapo soup low=0.5 high=0.5').waitFor();
  assert.deepEqual([soups[0]?.validateOnly, soups[0]?.ingredients], [true, { low: 0.5, high: 0.5 }]);
  assert.match(await offer.innerText(), /low, version 1, is older than version 2/);
  await offer.getByLabel('Share of high').fill('0.3');
  await offer.getByLabel('Share of high').press('Enter');
  await offer.getByText('gapo soup low=0.7 high=0.3').waitFor();
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await offer.getByRole('button', { name: 'Copy the command gapo soup low=0.7 high=0.3' }).click();
  await offer.getByText('Copied.').waitFor();
  assert.equal(await page.evaluate('navigator.clipboard.readText()'), 'gapo soup low=0.7 high=0.3');
  assert.equal(await page.locator('.point[data-chosen=true]').count(), 2);
  // A third one replaces the first.
  await page.getByRole('checkbox', { name: /^Choose dial, version 2, preference helpful 1, / }).check();
  await page.getByRole('checkbox', { name: /^Choose high/ }).uncheck();
  await page.getByRole('checkbox', { name: /^Choose low, version 2/ }).check();
  await offer.getByText('No average: run dial cannot be averaged with run low: their base models differ').waitFor();
  assert.equal(await offer.locator('code').count(), 0);
  assert.equal(soups.length, 3);
  await offer.getByRole('button', { name: 'Check again' }).click();
  await offer.getByText('No average: run dial cannot be averaged with run low: their base models differ').waitFor();
  assert.equal(soups.length, 4);
  await page.getByRole('checkbox', { name: /^Choose low, version 1/ }).check();
  await offer.getByText('Both points are of run low').waitFor();
  assert.equal(soups.length, 4, 'one run is no question for the coordinator');

  // The dashed line of the average, halfway to one of its runs, and that of the single policy, between two of its points.
  const drawn = await page.evaluate<number[]>(`(() => {
    const canvas = document.querySelector('.plane canvas');
    const context = canvas.getContext('2d');
    const over = document.querySelector('.plane .u-over').getBoundingClientRect();
    const place = (text) => {
      const { left, top, width, height } = document.querySelector('.point[aria-label^="' + text + '"]').getBoundingClientRect();
      const { left: x, top: y } = canvas.getBoundingClientRect();
      return [(left + width / 2 - x) * devicePixelRatio, (top + height / 2 - y) * devicePixelRatio];
    };
    const share = (from, to) => {
      const [a, b] = [place(from), place(to)];
      let painted = 0;
      for (let i = 0; i < 200; i++) {
        const part = 0.15 + 0.7 * i / 200;
        const [x, y] = [a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1])];
        const pixels = context.getImageData(Math.round(x) - 1, Math.round(y) - 1, 3, 3).data;
        let most = 0;
        for (let p = 3; p < pixels.length; p += 4) most = Math.max(most, pixels[p]);
        painted += most > 90;
      }
      return painted / 200;
    };
    return [share('half', 'low, version 2'), share('half', 'low, version 1'), share('dial, version 2, preference helpful 0,', 'dial, version 2, preference helpful 0.5'), share('dial, version 2, preference helpful 0,', 'dial, version 2, preference helpful 1')];
  })()`);
  const [average = NaN, none = NaN, stated = NaN, across = NaN] = drawn;
  assert.ok(average > 0.4 && average < 0.9, `dashes to the newest version of a run: ${drawn.join(' ')}`);
  assert.ok(none < 0.3, `none to an older one: ${drawn.join(' ')}`);
  assert.ok(stated > 0.95, `one policy in the order of its stated preferences: ${drawn.join(' ')}`);
  assert.ok(across < 0.5, `not from the first to the last: ${drawn.join(' ')}`);
  assert.deepEqual(problems, []);
});

test('a conditioned policy has a dial for its use, and its evaluations show the stated preference', async (t) => {
  const found = await opened(t);
  if (found === undefined) return;
  const { page, problems, url } = found;
  await page.goto(`${url}#dial/steer`);
  await page.waitForSelector('text=/Lands near helpful .* estimated from 4 evaluations of this policy/');
  assert.equal(await page.getByRole('button', { name: /^Apply from step/ }).count(), 0);
  assert.match(await page.locator('main').innerText(), /multiples of 1\/10/);
  await page.getByLabel('Share of helpful').fill('1');
  await page.getByLabel('Share of helpful').press('Enter');
  await page.getByText('gapo generate dial PROMPT --prefer helpful=1,harmless=0,concise=0', { exact: true }).waitFor();
  await page.getByText('gapo eval dial --prefer helpful=1,harmless=0,concise=0', { exact: true }).waitFor();
  await page.getByText('Lands near helpful 5.00, harmless 0.50, concise 1.00').waitFor();
  const add = page.getByRole('button', { name: 'Add an objective' });
  assert.deepEqual([await add.isDisabled(), await add.getAttribute('title')], [true, 'The policy is conditioned on a preference over these objectives (policy.condition).']); // prettier-ignore

  await page.goto(`${url}#dial/evaluation`);
  await page.waitForSelector('table');
  assert.deepEqual(await page.locator('table tbody tr td:nth-child(2)').allInnerTexts(), [
    '–',
    'helpful 0, harmless 1, concise 0',
    'helpful 0, harmless 0, concise 1',
    'helpful 0.5, harmless 0.5, concise 0',
    'helpful 1, harmless 0, concise 0',
  ]);
  await page.getByLabel('Share of concise').fill('0.4');
  await page.getByLabel('Share of concise').press('Enter');
  await page.getByRole('button', { name: 'Evaluate' }).click();
  await page
    .getByText('Version 2, preference helpful 0.4, harmless 0.2, concise 0.4: wins 50 % of 8 prompts')
    .waitFor();
  await page.goto(`${url}#low/steer`);
  await page.waitForSelector('text=The method gapo takes no preference');
  assert.deepEqual(problems, []);
});
