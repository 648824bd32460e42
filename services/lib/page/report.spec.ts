/** The report as a file: it shows everything without a server, whatever its data contain. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { toJson, type StepReportJson } from '@gapo/rpc';
import { chromium, type Page } from 'playwright-core';
import { pageAssets, renderReport, type ReportData } from './mod.js';

const browserPath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

function step(number: number): StepReportJson {
  const objective = { rewardStd: 1, weight: 0.5, alpha: 0.5, gradientNorm: 1, progress: 1, latencyMs: 1 };
  return toJson('gapo.training.v1.StepReport', {
    step: number,
    objectives: [
      { ...objective, name: 'helpful', rewardMean: number / 10, cosines: { harmless: -0.5 } },
      { ...objective, name: 'harmless', rewardMean: NaN },
    ],
    kl: 0.5,
    entropy: 1,
    stationarity: 0.25,
    updateNorm: 1,
    learningRate: 1e-3,
    tokens: 100,
    completionLength: 5,
    finishedFraction: 1,
    seconds: 2,
    phases: { sampling: 1, rewards: 0.2, gradients: 0.7, combination: 0.1, checkpoint: NaN },
  });
}

const interval = (mean: number) => ({ mean, low: mean - 0.1, high: mean + 0.1 });

const data: ReportData = {
  audit: {
    entries: [
      {
        time: '2026-01-31T12:00:00.000Z',
        action: 'preference',
        by: { name: '<i>ada</i>', role: 'operator', peer: '10.0.0.7:4711', identity: 'spiffe://gapo/client' },
        before: { preference: { helpful: 1 } },
        after: { preference: { helpful: 0.5, harmless: 0.5 }, firstStep: 3 },
      },
    ],
    problem: 'the audit log of run one was changed after it was written: line 2 is missing',
  },
  run: toJson('gapo.training.v1.Run', {
    id: 'one',
    state: 'RUN_STATE_SUCCEEDED',
    step: 3,
    totalSteps: 3,
    objectives: ['helpful', 'harmless'],
    method: 'gapo',
    versionSha256: 'ab',
    checkpoint: '/data/one',
  }),
  steps: [1, 2, 3].map(step),
  evaluation: toJson('gapo.training.v1.EvaluationReport', {
    version: 3,
    prompts: 7,
    objectives: ['helpful', 'harmless'].map((name) => ({
      name,
      before: interval(1),
      after: interval(1.5),
      difference: interval(0.5),
      winRate: interval(0.75),
    })),
    samples: [
      {
        prompt: '</script><script>document.title = "taken"</script> $& <!-- data -->',
        before: '',
        after: '<b>bold</b>\u2028',
        scoresBefore: [0, NaN],
        scoresAfter: [1, 2],
      },
    ],
    winRate: interval(0.8),
    lengthBefore: 4,
    lengthAfter: 5,
  }),
};

test('the report names nothing that would have to be fetched', () => {
  const html = renderReport(data);
  assert.doesNotMatch(html, /(?:src|href)="(?!data:|#)/);
  assert.doesNotMatch(html, /sourceMappingURL/);
});

test('the report of a long run stays small, with its last step', () => {
  const steps = Array.from({ length: 10_000 }, (_, i) => step(i + 1));
  const html = renderReport({ ...data, steps });
  const [, json = ''] = /id="gapo-report">(.*?)<\/script>/.exec(html) ?? [];
  const { curves, details } = JSON.parse(json) as {
    curves: { steps: number[] };
    details: { step: { step: number } }[];
  };
  assert.ok(json.length < 1e6, `${json.length} characters`);
  assert.deepEqual([curves.steps[0], curves.steps.at(-1), details.at(-1)?.step.step], [1, 10_000, 10_000]);
});

test('the page imports every module by a name that its import map has', () => {
  const assets = pageAssets();
  const [index] = assets;
  const map = /<script type="importmap">(.*?)<\/script>/.exec(index?.body ?? '')?.[1] ?? '';
  const { imports } = JSON.parse(map) as { imports: Record<string, string> };
  const wanted = assets.flatMap(({ body, contentType }) =>
    contentType.startsWith('text/javascript')
      ? [...body.matchAll(/^import .*from '([^']+)';$/gm)].map((found) => found[1])
      : [],
  );
  assert.ok(wanted.length > 5);
  for (const name of wanted)
    assert.ok(
      assets.some(({ url }) => url === imports[name ?? '']),
      name,
    );
});

/** Opens a report from disk in Chromium; undefined, and the test skipped, where there is none. */
async function openReport(t: TestContext, report: ReportData): Promise<{ page: Page; problems: string[] } | undefined> {
  if (!existsSync(browserPath)) {
    t.skip(`no Chromium at ${browserPath}: apt-get install chromium`);
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), 'gapo-report-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'report.html');
  writeFileSync(file, renderReport(report));
  const browser = await chromium.launch({
    executablePath: browserPath,
    args: ['--no-sandbox', '--disable-gpu'],
    timeout: 0,
  });
  t.after(() => browser.close());
  const context = await browser.newContext({ offline: true });
  const page = await context.newPage();
  page.setDefaultTimeout(0);
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => problems.push(message.text()));
  await page.goto(pathToFileURL(file).href);
  await page.waitForSelector('main[data-step="3"]');
  return { page, problems };
}

test('a browser shows the report from a disk, with texts as texts', async (t) => {
  const opened = await openReport(t, data);
  if (opened === undefined) return;
  const { page, problems } = opened;
  assert.equal(await page.title(), 'gapo: one');
  assert.equal(await page.locator('.chart canvas').count(), 6);
  const text = await page.locator('main').innerText();
  assert.match(text, /<\/script><script>document\.title/);
  assert.match(text, /\(empty\)/);
  assert.match(text, /harmless\t–/, 'a mean that is not known is a dash');
  assert.match(text, /Win rate over all objectives: 80 %/);
  assert.match(text, /Changes by people\n+the audit log of run one was changed after it was written/);
  assert.match(
    text,
    /<i>ada<\/i> \(operator\)\t10\.0\.0\.7:4711 spiffe:\/\/gapo\/client\tpreference\t\{.*"firstStep":3\}/,
  );
  assert.doesNotMatch(text, /multiplier|accuracy|acceptable|weights/, 'what the run does not have is not shown');
  await page.click('text=Why this direction');
  await page.waitForSelector('.certificate:has-text("helpful +0.50, harmless +0.50, nobody hurt")');
  await page.click('button[aria-label="Step before"]');
  await page.waitForSelector('[data-step="2"] .certificate');
  assert.match(await page.locator('.heat canvas').getAttribute('aria-label').then(String), /1 pair from step 1 to 3/);
  assert.deepEqual(problems, []);
});

test('multipliers, accuracies, the age of the weights and their angle are shown where a run has them', async (t) => {
  const steps = [1, 2, 3].map((number): StepReportJson => {
    const { objectives, ...report } = step(number);
    return {
      ...report,
      objectives: objectives.map((objective, k) => ({ ...objective, multiplier: k / 4, accuracy: k / 8 })),
      weightsAge: number - 1,
      ...(number === 2 && { approximationDegrees: 12.34 }),
    };
  });
  const opened = await openReport(t, { ...data, steps });
  if (opened === undefined) return;
  const { page, problems } = opened;
  const titles = await page.locator('.chart h2').allInnerTexts();
  for (const title of ['Lagrange multiplier', 'Accuracy on labelled pairs', 'Age of the weights', 'Angle to the exact'])
    assert.ok(
      titles.some((found) => found.startsWith(title)),
      `${title} in ${titles.join(', ')}`,
    );
  assert.equal(await page.locator('.chart canvas').count(), 10);
  const text = await page.locator('main').innerText();
  assert.match(text, /age of the weights\s+2 steps/);
  assert.match(text, /angle to the exact update\s+12\.3° at step 2/);
  assert.match(text, /multiplier\taccuracy/);
  assert.match(text, /harmless\t.*\t0\.25\t13 %\t/);
  assert.deepEqual(problems, []);
});
