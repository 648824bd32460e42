/** Preference grids, configuration variants, and the table, plot and JSON of a front. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configFile } from '../configFile.js';
import { axisOf } from '../render/axis.js';
import { placeLabels } from '../render/labels.js';
import type { RunProgress } from '../render/runProgress.js';
import { analyse } from './analysis.js';
import { FrontEta } from './eta.js';
import type { Front } from './front.js';
import { frontPlot } from './frontPlot.js';
import { frontJson, frontTable } from './frontTable.js';
import { frontMembers } from './members.js';
import { preferenceGrid } from './preferenceGrid.js';
import { variantsOf } from './variants.js';

const at = (helpful: number, harmless: number): Front['policies'][number]['rewards'] => ({
  helpful: { mean: helpful, low: helpful - 0.5, high: helpful + 0.5 },
  harmless: { mean: harmless, low: null, high: null },
});

const front: Front = {
  name: 'a <b> & "c"',
  created: '2025-01-31T12:00:00.000Z',
  objectives: ['helpful', 'harmless'],
  prompts: 20,
  start: at(0, 0),
  policies: [
    { run: 'p1', group: 'P-GAPO', label: '0.3/0.7', preference: null, ingredients: null, rewards: at(1, 4) },
    { run: 'p2', group: 'P-GAPO', label: '0.7/0.3', preference: null, ingredients: null, rewards: at(4, 2) },
    { run: 's1', group: 'Rewarded Soups', label: '0.5/0.5', preference: null, ingredients: null, rewards: at(1, 2) },
  ],
};

test('preferences are evenly spaced for two objectives, and a simplex grid for more', () => {
  assert.deepEqual(
    preferenceGrid(2, 5).map(([first]) => first),
    [0.1, 0.3, 0.5, 0.7, 0.9],
  );
  assert.deepEqual(preferenceGrid(3, 1), [[0.333333333333, 0.333333333333, 0.333333333333]]);
  for (const [objectives, count, expected] of [
    [3, 5, 3],
    [3, 6, 6],
    [4, 10, 10],
    [2, 1, 1],
  ] as const) {
    const grid = preferenceGrid(objectives, count);
    assert.equal(grid.length, expected);
    for (const vector of grid) {
      assert.ok(vector.every((share) => share > 0));
      assert.ok(Math.abs(vector.reduce((sum, share) => sum + share, 0) - 1) < 1e-9);
    }
  }
});

test('variants differ only in combine and name, and keep the options of their method', () => {
  const config = (text: string) => configFile('/p/run.yaml', text);
  const base = 'name: x\nseed: 3\nsteps: 5\npolicy: { model: m }\ndata: { prompts: p }\n';
  const head = `${base}objectives: [{ name: helpful, service: "h:1" }, { name: harmless }]\n`;
  const steered = variantsOf(
    config(`${head}combine: { method: pgapo, nonConflicting: true, preference: { helpful: 1, harmless: 1 } }`),
  );
  const made = steered.preferring([0.25, 0.75]);
  const { name, combine, ...rest } = JSON.parse(made.text) as Record<string, unknown>;
  assert.equal(name, 'x-25-75');
  assert.deepEqual(combine, {
    method: 'pgapo',
    nonConflicting: true,
    preference: { helpful: 0.25, harmless: 0.75 },
  });
  assert.deepEqual(rest, {
    seed: 3,
    steps: 5,
    policy: { model: 'm' },
    data: { prompts: 'p' },
    objectives: [{ name: 'helpful', service: 'h:1' }, { name: 'harmless' }],
  });
  assert.equal(variantsOf(config(head)).method, 'pgapo');
  const linear = variantsOf(config(`${head}combine: { method: linear, weights: { helpful: 1, harmless: 1 } }`));
  assert.deepEqual((JSON.parse(linear.preferring([0.5, 0.5]).text) as { combine: object }).combine, {
    method: 'linear',
    weights: { helpful: 0.5, harmless: 0.5 },
  });
  assert.notEqual(linear.preferring([0.4, 0.6]).sha256, linear.preferring([0.6, 0.4]).sha256);
  assert.throws(() => variantsOf(config(`${base}objectives: [{ name: only }]\n`)), /run.yaml.*at least two objectives/);
  const members = frontMembers(steered, 2, true);
  assert.deepEqual(
    members.map(({ group, label }) => [group, label]),
    [
      ['P-GAPO', '0.25/0.75'],
      ['P-GAPO', '0.75/0.25'],
      ['one objective', 'helpful alone'],
      ['one objective', 'harmless alone'],
    ],
  );
});

test('the table marks non-dominated policies and states the reference point', () => {
  const text = frontTable(front, analyse(front, { helpful: 0, harmless: 0 }));
  assert.deepEqual(text.split('\n'), [
    'Mean rewards on 20 held-out prompts.',
    '',
    '   policy          helpful/harmless  helpful  95 % interval    harmless  95 % interval  run',
    '*  P-GAPO          0.3/0.7             1.000  0.500 to 1.500      4.000  n/a to n/a     p1',
    '*  P-GAPO          0.7/0.3             4.000  3.500 to 4.500      2.000  n/a to n/a     p2',
    '   Rewarded Soups  0.5/0.5             1.000  0.500 to 1.500      2.000  n/a to n/a     s1',
    '   start                               0.000  -0.500 to 0.500     0.000  n/a to n/a     (version 0)',
    '',
    '* not dominated by another policy here: 2 of 3.',
    'Hypervolume: P-GAPO 10 (2 policies), Rewarded Soups 2 (1 policy). Reference point: helpful 0, harmless 0 (as given).',
  ]);
});

test('the default reference point is a tenth of the range below the worst value, and dominance is reported', () => {
  const analysis = analyse(front);
  assert.deepEqual(
    analysis.reference.map((value) => Number(value.toFixed(9))),
    [-0.4, -0.4],
  );
  const json = frontJson(front, analysis) as { policies: { dominatedBy: string[] }[] };
  assert.deepEqual(
    json.policies.map(({ dominatedBy }) => dominatedBy),
    [[], [], ['p1', 'p2']],
  );
  assert.throws(() => analyse(front, { helpful: 1, kind: 1 }), /harmless is missing; there is no objective kind/);
});

test('the plot escapes names, has axes with units, intervals and labels, and is deterministic', () => {
  const svg = frontPlot(front, analyse(front));
  assert.equal(svg, frontPlot(front, analyse(front)));
  assert.match(svg, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/);
  assert.match(svg, /a &lt;b&gt; &amp; &quot;c&quot;: mean rewards on 20 held-out prompts, with/);
  for (const text of ['helpful (mean reward)', 'harmless (mean reward)', '0.3/0.7', 'start', 'Rewarded Soups']) {
    assert.ok(svg.includes(`>${text}</text>`), text);
  }
  assert.equal(svg.match(/stroke-opacity/g)?.length, 4);
  assert.equal(svg.match(/<text/g)?.length, svg.match(/<\/text>/g)?.length);
  assert.doesNotMatch(svg, /NaN|undefined|<style|class=/);
  const three: Front = {
    ...front,
    objectives: ['helpful', 'harmless', 'kind'],
    start: null,
    policies: front.policies.map((p) => ({
      ...p,
      rewards: { ...p.rewards, kind: { mean: 1, low: null, high: null } },
    })),
  };
  assert.equal(frontPlot(three, analyse(three)).match(/\(mean reward\)/g)?.length, 6);
});

test('ticks are round numbers, and labels do not overlap', () => {
  const axis = axisOf([0, 0.31], 0, 100);
  assert.deepEqual(
    axis.ticks.map(({ text }) => text),
    ['0.0', '0.1', '0.2', '0.3'],
  );
  assert.ok(axis.at(0) > 0 && axis.at(0.31) < 100);
  assert.ok(axisOf([5], 0, 100).ticks.length > 1);
  const area = { left: 0, right: 300, top: 0, bottom: 300 };
  const [a, b] = placeLabels(
    [
      { x: 100, y: 100, text: 'one' },
      { x: 102, y: 101, text: 'two' },
    ],
    area,
  );
  assert.ok(a !== undefined && b !== undefined && (Math.abs(a.y - b.y) >= 13 || Math.abs(a.x - b.x) >= 19));
  const [edge] = placeLabels([{ x: 295, y: 150, text: 'a long label' }], area);
  assert.ok((edge?.x ?? 300) < 220);
});

test('the time left is that of the remaining steps and evaluations at the pace so far', async () => {
  let now = 0;
  const eta = new FrontEta(['a', 'b'], () => now);
  const progress = (step: number, seconds: number | undefined): RunProgress =>
    ({ run: { step, totalSteps: 10 }, last: seconds === undefined ? undefined : { step, seconds } }) as RunProgress;
  eta.next();
  assert.deepEqual(eta.whole(progress(0, undefined)), { part: 1, of: 2, label: 'a', etaSeconds: undefined });
  assert.equal(eta.whole(progress(1, 2)).etaSeconds, 38);
  assert.equal(eta.whole(progress(1, 2)).etaSeconds, 38);
  await eta.evaluating(async () => {
    now += 5000;
  });
  eta.next();
  assert.deepEqual(eta.whole(progress(5, 2)), { part: 2, of: 2, label: 'b', etaSeconds: 15 });
});
