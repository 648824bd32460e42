// Every combination method and weight source on real services, and that all of them survive a restart.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at } from '@gapo/numeric';
import { combinerOf, methods } from '@gapo/objectives';
import type { StepReport } from '@gapo/rpc';
import {
  createRunHeldAt,
  deadlineMs,
  reportsOf,
  runYaml,
  startAll,
  startCoordinator,
  train,
  until,
  type TestCoordinator,
  type TrainedRun,
  type World,
} from '../fixtures/world.fixture.js';

const options: Record<string, string> = {
  pgapo: ', preference: { letters: 1, short: 1 }, nonConflicting: true',
  linear: ', weights: { letters: 1, short: { 0: 0, 4: 2 } }',
  morlhf: ', weights: { letters: 1, short: 2 }',
  gdpo: ', weights: { letters: 1, short: 2 }',
  single: ', objective: letters',
  tchebycheff: ', reference: { letters: 6, short: 0 }',
};
const constraints = 'lagrangian: { objective: letters, constraints: { short: { limit: 0.3, learningRate: 0.5 } } }';

/** What methods need besides `combine`. */
const sections: Record<string, string> = { lagrangian: constraints, gdpo: 'ppo: { advantages: group }' };

const combining = (method: string, more = ''): string =>
  `combine: { method: ${method}${options[method] ?? ''}${more} }\n${sections[method] ?? ''}`;

const finished = (
  coordinator: TestCoordinator,
  world: World,
  extra: string,
  id: string,
  steps = 4,
): Promise<TrainedRun> => train(coordinator, world, runYaml({ steps, extra }), id);

test('every method trains', async (t) => {
  const { world, coordinator } = await startAll(t);
  for (const method of methods.filter((each) => combinerOf(each).only?.algorithm !== 'dpo')) {
    const { run, reports } = await finished(coordinator, world, combining(method), `by-${method}`, 2);
    assert.equal(run.method, method);
    for (const { objectives, weightsAge, approximationDegrees, updateNorm } of reports) {
      assert.ok(objectives.every(({ weight, progress }) => Number.isFinite(weight) && Number.isFinite(progress)));
      assert.ok(updateNorm > 0, method);
      assert.deepEqual([weightsAge, approximationDegrees], [0, undefined]);
      assert.equal(objectives[1]?.multiplier !== undefined, method === 'lagrangian');
    }
  }
});

test('a multiplier grows while its constraint is violated, until the constraint holds', async (t) => {
  const { world, coordinator } = await startAll(t);
  const { reports } = await finished(coordinator, world, combining('lagrangian'), 'safe', 25);
  const short = reports.map(({ objectives }) => at(objectives, 1));
  const [first, , , , , sixth] = short;
  assert.ok(first?.multiplier !== undefined && sixth?.multiplier !== undefined);
  assert.ok(first.rewardMean < -0.3);
  assert.ok(sixth.multiplier > first.multiplier);
  assert.equal(reports[0]?.objectives[0]?.multiplier, 0);
  const late = short.slice(-5).reduce((sum, { rewardMean }) => sum + rewardMean, 0) / 5;
  t.diagnostic(`${first.rewardMean} to ${late}, λ ${short.at(-1)?.multiplier}`);
  assert.ok(late > first.rewardMean + 0.15);
});

const sources = ['lastLayer', 'logits', '{ projection: 64 }'];
const updatesOf = ({ objectives, updateNorm }: StepReport): unknown => [
  objectives.map(({ weight }) => weight),
  updateNorm,
];

test('an approximate source needs one exact gradient, and is compared with the exact weights every checkEvery choices', async (t) => {
  const { world, coordinator } = await startAll(t);
  const exact = await finished(coordinator, world, combining('gapo'), 'exact');
  for (const [i, source] of sources.entries()) {
    const extra = combining('gapo', `, source: ${source}, checkEvery: 3`);
    const { reports } = await finished(coordinator, world, extra, `source-${i}`);
    const degrees = reports.map(({ approximationDegrees }) => approximationDegrees);
    t.diagnostic(`${source}: ${degrees[0]} degrees`);
    assert.deepEqual(
      degrees.map((angle) => angle !== undefined),
      [true, false, false, true],
    );
    const [first = NaN, , , last = NaN] = degrees;
    assert.ok(first < 45);
    if (source !== 'lastLayer') continue;
    // This policy has only one layer: the weights are exact, and the update differs only by rounding.
    assert.ok(first < 1e-3 && last < 1e-3);
    reports.forEach(({ updateNorm }, step) => {
      assert.ok(Math.abs(updateNorm / at(exact.reports, step).updateNorm - 1) < 1e-3);
    });
  }
});

test('weights are kept between choices, and chosen again at once when the preference changes', async (t) => {
  const { world, coordinator } = await startAll(t);
  const kept = await finished(coordinator, world, combining('gapo', ', refreshEvery: 3'), 'kept', 7);
  assert.deepEqual(
    kept.reports.map(({ weightsAge }) => weightsAge),
    [0, 1, 2, 0, 1, 2, 0],
  );
  const weights = kept.reports.map(({ objectives }) => objectives[0]?.weight);
  assert.ok(weights[0] === weights[2] && weights[2] !== weights[3]);

  const release = await createRunHeldAt(
    coordinator,
    world,
    runYaml({ steps: 4, extra: combining('linear', ', refreshEvery: 100') }),
    2,
    'set',
  );
  const preference = { letters: 0.25, short: 4 };
  await coordinator.client.SetPreference({ runId: 'set', preference, author: 'me' }, { deadlineMs });
  release();
  await until(coordinator, 'set', 'RUN_STATE_SUCCEEDED');
  assert.deepEqual(
    (await reportsOf(coordinator, 'set')).map(({ objectives, weightsAge }) => [objectives[1]?.weight, weightsAge]),
    [
      [0.5, 0],
      [0.5, 1],
      [4, 0],
      [4, 1],
    ],
  );
});

for (const [name, extra] of [
  ['multipliers', combining('lagrangian')],
  ['running means and kept weights', combining('tchebycheff', ', refreshEvery: 4, smoothing: 0.5')],
  ['the targets of a vaccine', 'combine: { method: gradvac }\nppo: { minibatches: 2 }'],
  [
    'weights that follow correlations',
    `${combining('morlhf')}\nweighting: { method: ctwa, targets: { letters: 0.9, short: 0.9 }, rate: 0.5 }`,
  ],
  ['weights that follow gradients', `${combining('pgapo')}\nweighting: { method: dynamic, rate: 5 }`],
  ['an approximate source', combining('gapo', ', source: { projection: 8 }, refreshEvery: 2, checkEvery: 2')],
] as const) {
  test(`a pause does not change the result: ${name}`, async (t) => {
    const { world, coordinator } = await startAll(t);
    const whole = await finished(coordinator, world, extra, 'whole', 6);
    const release = await createRunHeldAt(coordinator, world, runYaml({ steps: 6, extra }), 3, 'paused');
    await coordinator.client.PauseRun({ runId: 'paused' }, { deadlineMs });
    release();
    await until(coordinator, 'paused', 'RUN_STATE_PAUSED');
    await coordinator.stop();
    const second = await startCoordinator(t, world);
    await second.client.ResumeRun({ runId: 'paused' }, { deadlineMs });
    const { versionSha256 } = await until(second, 'paused', 'RUN_STATE_SUCCEEDED');
    assert.equal(versionSha256, whole.run.versionSha256);
    assert.deepEqual((await reportsOf(second, 'paused')).map(updatesOf), whole.reports.map(updatesOf));
  });
}
