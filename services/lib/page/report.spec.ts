/** The report as a file: it shows everything without a server, whatever its data contain. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { pageAssets, renderReport, type ReportData, type StepData } from './mod.js';

const browserPath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

function step(number: number): StepData {
  const objective = { rewardStd: 1, weight: 0.5, alpha: 0.5, gradientNorm: 1, progress: 1, latencyMs: 1, failed: 0 };
  return {
    step: number,
    objectives: [
      { ...objective, name: 'helpful', rewardMean: number / 10 },
      { ...objective, name: 'harmless', rewardMean: null },
    ],
    kl: 0.5,
    entropy: 1,
    clipFraction: 0,
    maxLogprobGap: 0,
    stationarity: 0.25,
    updateNorm: 1,
    learningRate: 1e-3,
    tokens: 100,
    completionLength: 5,
    finishedFraction: 1,
    seconds: 2,
    phases: { sampling: 1, rewards: 0.2, gradients: 0.7, combination: 0.1, checkpoint: null },
    etaSeconds: 0,
    traceId: '',
  };
}

const interval = (mean: number) => ({ mean, low: mean - 0.1, high: mean + 0.1 });

const data: ReportData = {
  run: {
    id: 'one',
    state: 'succeeded',
    reason: '',
    step: 3,
    totalSteps: 3,
    objectives: ['helpful', 'harmless'],
    method: 'gapo',
    created: null,
    configSha256: '',
    versionSha256: 'ab',
    checkpoint: '/data/one',
    traceId: '',
    lastStep: null,
  },
  steps: [1, 2, 3].map(step),
  evaluation: {
    version: 3,
    prompts: 7,
    objectives: ['helpful', 'harmless'].map((name) => ({
      name,
      before: interval(1),
      after: interval(1.5),
      difference: interval(0.5),
      winRate: interval(0.75),
      acceptableBefore: null,
      acceptableAfter: null,
    })),
    samples: [
      {
        prompt: '</script><script>document.title = "taken"</script> $& <!-- data -->',
        before: '',
        after: '<b>bold</b>\u2028',
        scoresBefore: [0, null],
        scoresAfter: [1, 2],
      },
    ],
    winRate: interval(0.8),
    lengthBefore: 4,
    lengthAfter: 5,
  },
};

test('the report names nothing that would have to be fetched', () => {
  const html = renderReport(data);
  assert.doesNotMatch(html, /(?:src|href)="(?!data:|#)/);
  assert.doesNotMatch(html, /sourceMappingURL/);
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

test('a browser shows the report from a disk, with texts as texts', async (t) => {
  if (!existsSync(browserPath)) return t.skip(`no Chromium at ${browserPath}: apt-get install chromium`);
  const folder = mkdtempSync(join(tmpdir(), 'gapo-report-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'report.html');
  writeFileSync(file, renderReport(data));
  const browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox', '--disable-gpu'] });
  t.after(() => browser.close());
  const context = await browser.newContext({ offline: true });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => problems.push(message.text()));
  await page.goto(pathToFileURL(file).href);
  await page.waitForSelector('main[data-step="3"]');
  assert.equal(await page.title(), 'gapo: one');
  assert.equal(await page.locator('.chart canvas').count(), 6);
  const text = await page.locator('main').innerText();
  assert.match(text, /<\/script><script>document\.title/);
  assert.match(text, /\(empty\)/);
  assert.match(text, /harmless\t–/, 'a mean that is not known is a dash');
  assert.match(text, /Win rate over all objectives: 80 %/);
  assert.deepEqual(problems, []);
});
