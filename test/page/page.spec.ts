/** Every view of the page in a browser, on a live run that is steered, and on a long run. `make test-page` runs it. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { RunJson, StepReportJson } from '@gapo/rpc';
import type { Browser, Page } from 'playwright-core';
import { gapo, makeWorkspace, runYaml, startPlatform, type Platform, type Workspace } from '../platform.fixture.js';
import { serveLongRun } from './longRun.js';
import { servePlaneRuns } from './planeRuns.js';
import { lookAt, openPage, startBrowser } from './views.js';

let browser: Browser;
before(async () => {
  browser = await startBrowser();
});
after(() => browser.close());

describe('a live run', () => {
  let workspace: Workspace;
  let platform: Platform;
  const steps = 2000;

  before(async () => {
    workspace = await makeWorkspace();
    platform = await startPlatform({ directory: workspace.directory });
    const command = async (...args: string[]) => {
      const { code, stderr } = await gapo([...args, '--coordinator', platform.coordinator]);
      assert.equal(code, 0, stderr);
    };
    const train = async (id: string, lines: Record<string, string>, ...more: string[]) => {
      const path = join(workspace.directory, `${id}.yaml`);
      await writeFile(path, runYaml(lines));
      await command('train', path, '--id', id, ...more);
    };
    // Two ends of a front, which show where a preference lands.
    for (const [id, short] of [
      ['low', 0.1],
      ['high', 0.9],
    ] as const) {
      await train(id, preferring(short), '--watch');
      await command('eval', id);
    }
    await command('soup', 'low=0.5', 'high=0.5', '--id', 'half');
    await command('eval', 'half');
    await train('live', { ...preferring(0.5), steps: String(steps) });
  });
  after(async () => {
    await platform.stop();
    await workspace.remove();
  });

  const read = async <T>(path: string): Promise<T> =>
    (await (await fetch(`${platform.page}api/runs/${path}`)).json()) as T;
  const step = async (number: number): Promise<StepReportJson> =>
    (await read<{ step: StepReportJson }>(`live/steps/${number}`)).step;

  test('the dial is moved, the event follows, and so do the weights of the next step', async () => {
    const { page, problems } = await openPage(browser, `${platform.page}#live/steer`);
    await page.waitForSelector(
      'text=/Lands near short -?[\\d.]+, vowels -?[\\d.]+ on the held-out prompts, estimated from 2/',
    );
    await page.getByLabel('Share of short').fill('0.9');
    await page.getByLabel('Share of short').press('Enter');
    await page.getByRole('button', { name: /^Apply from step/ }).click();
    await page.click('dialog button.primary');
    const said = await page.waitForSelector('[role=status]:has-text("short 0.9, vowels 0.1 from step")');
    const first = Number(/from step (\d+) on, by page at/.exec(await said.innerText())?.[1]);
    assert.ok(first > 1, await said.innerText());

    const event = await nextEvent(`${platform.page}api/runs/live/events`, 'gapo.v1.preference');
    assert.deepEqual([event['step'], event['after']], [first, { short: 0.9, vowels: 0.1 }]);
    await page.goto(`${platform.page}#live`);
    await page.waitForFunction(`Number(document.getElementById('main').dataset.step) >= ${first}`);
    const shares = async (number: number) =>
      (await step(number)).objectives.map(({ alpha }) => Number(alpha?.toFixed(6)));
    assert.deepEqual(await shares(first - 1), [0.5, 0.5]);
    assert.deepEqual(await shares(first), [0.9, 0.1]);
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('a run is paused, an objective removed, the run resumed and cancelled; the audit log has it all', async () => {
    const { page, problems } = await openPage(browser, `${platform.page}#live/steer`);
    await confirm(page, 'Pause');
    await page.waitForSelector('main[data-state="paused"]');
    for (const [name, view, ready] of [
      ['runs', '#', 'main table'],
      ['compare', '#/compare?runs=low,high', '.chart canvas >> nth=4'],
      ['pareto', '#/pareto', '.point >> nth=2'],
      ['overview', '#live', '.charts canvas >> nth=5'],
      ['why', '#live/why', '.certificate'],
      ['steer', '#live/steer', 'text=Lands near'],
      ['samples', '#live/samples', '.sample'],
      ['audit', '#live/audit', 'section[aria-label="Audit log"] table'],
    ] as const) {
      await lookAt(browser, platform.page, view, name, ready);
    }
    const { samples } = await read<{ samples: { promptId: string; scores: { score?: number }[] }[] }>('live/samples');
    const [first] = samples;
    assert.ok(first?.scores.every(({ score }) => score !== undefined));
    const prompt = `#live/samples?prompt=${first?.promptId}`;
    await lookAt(browser, platform.page, prompt, 'samples-prompt', '.stepColumns section >> nth=1');
    await lookAt(browser, platform.page, '#live/samples', 'samples-tokens', '.sample', async (opened) => {
      await opened.locator('text=Token by token').first().click();
      await opened.waitForSelector('.tokens [aria-selected=true]');
    });
    await page.click('.tabs >> text=Evaluation');
    await page.getByRole('button', { name: 'Evaluate' }).click();
    await page.waitForSelector('[role=status]:has-text("prompts against the starting policy")');
    await page.waitForSelector('table.samples');
    await lookAt(browser, platform.page, '#live/evaluation', 'evaluation', 'text=Held-out prompts, by version');
    await page.click('.tabs >> text=Steer');
    await page.waitForSelector('text=Lands near');
    await confirm(page, 'Remove vowels');
    await page.waitForSelector('[role=status]:has-text("vowels is removed from step")');
    await confirm(page, 'Resume');
    await page.waitForSelector('main[data-state="running"]');
    await confirm(page, 'Cancel');
    await page.waitForSelector('main[data-state="cancelled"]');
    await page.goto(`${platform.page}#live/audit`);
    await page.waitForSelector('section[aria-label="Audit log"] tr:has-text("cancel")');
    const actions = await page.locator('section[aria-label="Audit log"] tbody tr td:nth-child(4)').allInnerTexts();
    assert.deepEqual(actions, ['created', 'preference', 'pause', 'objectives', 'resume', 'cancel']);
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('two points of the plane give the command that averages their runs', async () => {
    const { page, problems } = await openPage(browser, `${platform.page}#/pareto`);
    await page.getByRole('checkbox', { name: /^Choose low, / }).check();
    await page.getByRole('checkbox', { name: /^Choose high, / }).check();
    await page.getByLabel('Share of high').fill('0.25');
    await page.getByLabel('Share of high').press('Enter');
    const text = await page.locator('.command code', { hasText: 'high=0.25' }).innerText();
    assert.equal(text, 'gapo soup low=0.75 high=0.25');
    const made = await gapo([...text.split(' ').slice(1), '--json', '--coordinator', platform.coordinator]);
    assert.equal(made.code, 0, made.stderr);
    assert.deepEqual((JSON.parse(made.stdout) as RunJson).ingredients, { low: 0.75, high: 0.25 });
    assert.deepEqual(problems, []);
    await page.close();
  });
});

describe('a long run', () => {
  const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `objective-${i + 1}`);

  test('10,000 steps of 8 objectives: the page is there in a second, and answers within 100 ms', async (t) => {
    const long = await serveLongRun(names(8), 10_000);
    try {
      const { page, problems } = await openPage(browser, `${long.url}#long`);
      await page.waitForSelector('main[data-step="10000"]');
      const paint = await page.evaluate<number>(`performance.getEntriesByName('first-contentful-paint')[0].startTime`);
      const bytes = await page.evaluate<number>(
        `performance.getEntriesByType('resource').filter(({ name }) => name.includes('/page/')).reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0)`,
      );
      await page.waitForSelector('.charts canvas >> nth=5');
      const rounds: Record<string, number>[] = [];
      for (let round = 0; round < 3; round++) {
        const times: Record<string, number> = {};
        times['to why'] = await answerTime(page, tab('why'));
        await page.waitForSelector('.heat canvas[aria-label*="28 pairs"]');
        times['a column'] = await answerTime(page, input('.heat input', String(100 + round)));
        await page.waitForSelector('.certificate');
        times['to samples'] = await answerTime(page, tab('samples'));
        await page.waitForSelector('.sample >> nth=19');
        times['more samples'] = await answerTime(page, `document.querySelector('.samplesView > button').click()`);
        await page.waitForSelector('.sample >> nth=39');
        times['to steer'] = await answerTime(page, tab('steer'));
        await page.waitForSelector('.dial');
        times['the dial'] = await answerTime(page, input('.dial input[type=range]', '0.5'));
        times['to overview'] = await answerTime(page, tab(''));
        rounds.push(times);
      }
      const median = (what: string): number =>
        rounds.map((times) => times[what] ?? NaN).sort((a, b) => a - b)[1] ?? NaN;
      const times = Object.fromEntries(Object.keys(rounds[0] ?? {}).map((what) => [what, median(what)]));
      t.diagnostic(`${bytes} bytes of files, first paint after ${paint} ms; median ms: ${JSON.stringify(times)}`);
      assert.ok(paint < 1000, `first paint after ${paint} ms`);
      assert.ok(bytes < 300_000, `${bytes} bytes of files`);
      for (const [what, ms] of Object.entries(times)) assert.ok(ms < 100, `${what} took ${ms} ms`);
      assert.deepEqual(problems, []);
      await page.close();
    } finally {
      await long.stop();
    }
  });

  test('16 objectives stay readable', async () => {
    const long = await serveLongRun(names(16), 300);
    try {
      await lookAt(browser, long.url, '#long', 'overview-16', '.charts canvas >> nth=5');
      await lookAt(browser, long.url, '#long/why', 'why-16', '.certificate');
      await lookAt(browser, long.url, '#long/samples', 'samples-16', '.sample');
      await lookAt(browser, long.url, '#long/steer', 'steer-16', '.dial');
    } finally {
      await long.stop();
    }
  });
});

describe('evaluated runs', () => {
  const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `objective-${i + 1}`);

  test('three objectives: pairs, an average between points, and one conditioned policy', async () => {
    const served = await servePlaneRuns(['helpful', 'harmless', 'concise']);
    try {
      const address = '#/pareto?x=helpful&y=harmless';
      await lookAt(browser, served.url, address, 'pareto-pairs', '.pairs [aria-pressed=true]', async (page) => {
        await page.getByRole('checkbox', { name: /^Choose equal, version 60/ }).check();
        await page.getByRole('checkbox', { name: /^Choose first, version 60/ }).check();
        await page.waitForSelector('text=gapo soup equal=0.5 first=0.5');
        await page.evaluate('scrollTo(0, 0)');
      });
      await lookAt(browser, served.url, '#dial/steer', 'steer-told', 'text=Lands near');
      await lookAt(browser, served.url, '#dial/evaluation', 'evaluation-told', 'text=Held-out prompts, by version');
    } finally {
      await served.stop();
    }
  });

  test('the pairs of 16 objectives stay readable, and are reached by the keyboard', async () => {
    const served = await servePlaneRuns(names(16));
    try {
      await lookAt(browser, served.url, '#/pareto', 'pareto-16', '.pairs button >> nth=119', async (page) => {
        const [cell] = await page.locator('.pairs button').all();
        const box = await cell?.boundingBox();
        assert.ok(box && box.width >= 24 && box.height >= 24, `${box?.width} x ${box?.height}: too small for a finger`);
        await cell?.focus();
        for (let i = 0; i < 14; i++) await page.keyboard.press('ArrowDown');
        await page.keyboard.press('Enter');
        await page.waitForSelector('[role=status]:has-text("on the front of objective-1 and objective-16")');
        assert.equal(await page.evaluate('location.hash'), '#/pareto?x=objective-1&y=objective-16');
        await page.evaluate('scrollTo(0, 0)');
      });
    } finally {
      await served.stop();
    }
  });
});

/** A run trained with P-GAPO. @param short the share of that objective */
function preferring(short: number): Record<string, string> {
  return { combine: `{ method: pgapo, preference: { short: ${short}, vowels: ${(1 - short).toFixed(1)} } }` };
}

/** Presses a button and confirms. */
async function confirm(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).click();
  await page.click('dialog button.primary');
  await page.waitForSelector('dialog', { state: 'detached' });
}

/** Reads a stream until an event of a given type. Returns its data. */
async function nextEvent(url: string, wanted: string): Promise<Record<string, unknown>> {
  const { body } = await fetch(url);
  let text = '';
  for await (const chunk of body ?? []) {
    text += Buffer.from(chunk as Uint8Array).toString();
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines.filter((each) => each.startsWith('data: '))) {
      const { type, data } = JSON.parse(line.slice('data: '.length)) as { type: string; data: Record<string, unknown> };
      if (type === wanted) return data;
    }
  }
  throw new Error(`${url} ended without ${wanted}`);
}

/** Returns a script that opens a view of the run. */
function tab(view: string): string {
  return `document.querySelector('.tabs a[href="#long${view === '' ? '' : `/${view}`}"]').click()`;
}

/** Returns a script that moves a control as a user would. */
function input(selector: string, value: string): string {
  return `{ const control = document.querySelector('${selector}'); control.value = '${value}'; control.dispatchEvent(new Event('input')) }`;
}

/** Returns the milliseconds from an action to the end of the frame that shows it. */
function answerTime(page: Page, action: string): Promise<number> {
  return page.evaluate<number>(`new Promise((resolve) => {
    const began = performance.now();
    ${action};
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));
  })`);
}
