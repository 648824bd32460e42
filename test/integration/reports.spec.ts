/** The values that a method adds to reports reach `gapo train --watch --json`, the gateway's API, the events and the page. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { RunJson, StepReportJson, WatchRunResponseJson } from '@gapo/rpc';
import { chromium } from 'playwright-core';
import { gapo, makeWorkspace, runYaml, startPlatform, type Platform, type Workspace } from '../platform.fixture.js';

const browserPath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** Pairs. `short` labels all of them, `vowels` every other one. */
const pairs = ['red', 'blue', 'green', 'grey'].map((word, i) => ({
  prompt: `Say ${word}.`,
  chosen: word,
  rejected: `${word} ${word}`,
  labels: i % 2 === 0 ? { short: 1, vowels: -1 } : { short: 1 },
}));

describe('reports of a run over the real services', () => {
  let workspace: Workspace;
  let platform: Platform;
  before(async () => {
    workspace = await makeWorkspace();
    platform = await startPlatform({ directory: workspace.directory });
    await writeFile(
      join(workspace.directory, 'pairs.jsonl'),
      pairs.map((pair) => `${JSON.stringify(pair)}\n`).join(''),
    );
  });
  after(async () => {
    await platform.stop();
    await workspace.remove();
  });

  /** Trains and follows a run with `gapo train --watch --json`. Returns its steps, and the run at the end. */
  async function trained(
    id: string,
    lines: Record<string, string>,
  ): Promise<{ run: RunJson; steps: StepReportJson[] }> {
    const path = join(workspace.directory, `${id}.yaml`);
    await writeFile(path, runYaml(lines));
    const at = ['--coordinator', platform.coordinator, '--data', join(workspace.directory, 'data')];
    const { code, stdout, stderr } = await gapo(['train', path, '--id', id, '--watch', '--json', ...at]);
    assert.equal(code, 0, stderr);
    const messages = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as WatchRunResponseJson);
    const { run } = messages.at(-1) ?? assert.fail('nothing was printed');
    assert.ok(run);
    assert.equal(run.state, 'RUN_STATE_SUCCEEDED', run.reason);
    return { run, steps: messages.flatMap(({ step }) => (step ? [step] : [])) };
  }

  /** Steps from the gateway's API, and from its event stream. */
  async function ofGateway(id: string, count: number): Promise<{ api: StepReportJson[]; events: StepReportJson[] }> {
    const response = await fetch(`${platform.page}api/runs/${id}/steps`);
    const { steps: api } = (await response.json()) as { steps: StepReportJson[] };
    const stream = await fetch(`${platform.page}api/runs/${id}/events`);
    const events: StepReportJson[] = [];
    let text = '';
    for await (const chunk of stream.body ?? []) {
      text += Buffer.from(chunk as Uint8Array).toString();
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines.filter((each) => each.startsWith('data: '))) {
        const { type, data } = JSON.parse(line.slice('data: '.length)) as { type: string; data: StepReportJson };
        if (type === 'gapo.v1.step') events.push(data);
      }
      if (events.length === count) break;
    }
    return { api, events };
  }

  /** The titles of the charts on a run's page, and its text. */
  async function pageOf(id: string, step: number): Promise<{ charts: string[]; text: string }> {
    const browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox', '--disable-gpu'] });
    try {
      const page = await browser.newPage();
      await page.goto(`${platform.page}#${id}`);
      // The page shows the step count immediately; the reports arrive later, with the events.
      await page.waitForSelector(`text=Objectives at step ${step}`);
      return {
        charts: await page.locator('.chart h2').allInnerTexts(),
        text: await page.locator('main').innerText(),
      };
    } finally {
      await browser.close();
    }
  }

  const noBrowser = !existsSync(browserPath) && `no Chromium at ${browserPath}: apt-get install chromium`;

  for (const { what, lines, has, chart, text } of [
    {
      what: 'a DPO run reports accuracies, and no KL',
      lines: {
        algorithm: 'dpo',
        data: '{ pairs: pairs.jsonl }',
        dpo: '{ pairsPerStep: 4 }',
      },
      has: ({ objectives, ...step }: StepReportJson) =>
        !('kl' in step) && objectives.every(({ accuracy, multiplier }) => inUnit(accuracy) && multiplier === undefined),
      chart: 'Accuracy on labelled pairs',
      text: /objective\tmean reward\t.*\taccuracy\t/,
    },
    {
      what: 'a Lagrangian run reports multipliers',
      lines: {
        combine: '{ method: lagrangian }',
        lagrangian: '{ objective: short, constraints: { vowels: { limit: 5, learningRate: 0.5 } } }',
      },
      has: ({ kl, objectives }: StepReportJson) =>
        typeof kl === 'number' &&
        objectives.every(({ multiplier, accuracy }) => typeof multiplier === 'number' && accuracy === undefined) &&
        objectives.some(({ multiplier }) => Number(multiplier) > 0),
      chart: 'Lagrange multiplier',
      text: /objective\tmean reward\t.*\tmultiplier\t/,
    },
    {
      what: 'a run that keeps approximate weights reports their age and their angle to the exact update',
      lines: { combine: '{ method: gapo, source: lastLayer, refreshEvery: 2, checkEvery: 1 }' },
      has: ({ step, weightsAge, approximationDegrees }: StepReportJson) =>
        weightsAge === (step + 1) % 2 && typeof approximationDegrees === (step % 2 === 1 ? 'number' : 'undefined'),
      chart: 'Age of the weights in steps',
      text: /angle to the exact update\s+[\d.]+° at step 3/,
    },
  ]) {
    test(`${what}: in --json, in the API, in events and on the page`, { skip: noBrowser }, async () => {
      const id = chart.replaceAll(' ', '-');
      const { run, steps } = await trained(id, lines);
      assert.equal(steps.length, 3);
      for (const step of steps) assert.ok(has(step), JSON.stringify(step));
      assert.deepEqual(run.lastStep, steps.at(-1));
      const { api, events } = await ofGateway(id, 3);
      assert.deepEqual(api, steps);
      assert.deepEqual(events, steps);
      const page = await pageOf(id, 3);
      assert.ok(page.charts.includes(chart), page.charts.join(', '));
      assert.match(page.text, text);
    });
  }
});

function inUnit(value: number | null | undefined): boolean {
  return typeof value === 'number' && value >= 0 && value <= 1;
}
