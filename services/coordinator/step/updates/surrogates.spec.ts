// What a step learns from, on real services: minibatches, baselines, critics, pretraining texts, pairs.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSafetensors } from '@gapo/model';
import { at, required } from '@gapo/numeric';
import type { Run, StepReport } from '@gapo/rpc';
import {
  createRun,
  deadlineMs,
  pairsYaml,
  runYaml,
  startAll,
  startCoordinator,
  train,
  until,
  type TrainedRun,
} from '../../fixtures/world.fixture.js';

async function tensor({ checkpoint }: Run, file: string, name: string): Promise<Float32Array> {
  const tensors = await readSafetensors(join(checkpoint, file));
  return required(
    tensors.find((entry) => entry.name.includes(name)),
    `${file}: ${name}`,
  ).data;
}

const everything =
  'ppo: { advantages: gae, epochs: 2, minibatches: 3, ptx: { coefficient: 0.1, batch: 2 }, gae: { valueLearningRate: 0.02 } }';
const withTexts = (config: string): string =>
  config.replace('prompts: train', 'pretraining: texts.jsonl, prompts: train');

test('a version counts updates, epochs times minibatches; its bytes do not depend on the workers', async (t) => {
  const config = withTexts(runYaml({ steps: 2, extra: everything }));
  const one = await startAll(t);
  const first = await train(one.coordinator, one.world, config);
  const state = JSON.parse(await readFile(join(first.run.checkpoint, 'state.json'), 'utf8')) as Record<string, unknown>;
  assert.deepEqual([state['step'], state['version']], [2, 12]);
  assert.ok(first.reports.every(({ maxLogprobGap }) => maxLogprobGap < 1e-6));
  const answer = (): void => undefined;
  const three = await startAll(t, { gradients: [answer, answer, answer] });
  const second = await train(three.coordinator, three.world, config);
  assert.equal(second.run.versionSha256, first.run.versionSha256);
});

test('with all options, a paused run ends in the same bytes as an uninterrupted one', async (t) => {
  const { world, coordinator } = await startAll(t);
  const config = withTexts(runYaml({ steps: 4, extra: everything }));
  const whole = await train(coordinator, world, config, 'whole');
  await createRun(coordinator, world, config, 'paused');
  await coordinator.client.PauseRun({ runId: 'paused' }, { deadlineMs });
  await until(coordinator, 'paused', 'RUN_STATE_PAUSED');
  await coordinator.client.ResumeRun({ runId: 'paused' }, { deadlineMs });
  const { versionSha256 } = await until(coordinator, 'paused', 'RUN_STATE_SUCCEEDED');
  assert.equal(versionSha256, whole.run.versionSha256);
});

test('group-normalized advantages raise both rewards', async (t) => {
  const { world, coordinator } = await startAll(t);
  const config = runYaml({ steps: 20, extra: 'ppo: { advantages: group, rewardClamp: [-3, 3] }' });
  const { reports } = await train(coordinator, world, config, 'group');
  const mean = (part: readonly StepReport[], k: number): number =>
    part.reduce((sum, { objectives }) => sum + at(objectives, k).rewardMean, 0) / part.length;
  for (const k of [0, 1]) assert.ok(mean(reports.slice(-5), k) > mean(reports.slice(0, 5), k));
});

test('critics have a separate learning rate', async (t) => {
  const { world, coordinator } = await startAll(t);
  const config = (rate: string): string => runYaml({ steps: 1, extra: `ppo: { advantages: gae, gae: { ${rate} } }` });
  const usual = await train(coordinator, world, config('lambda: 0.95'), 'usual');
  const slow = await train(coordinator, world, config('valueLearningRate: 0.01'), 'slow');
  const [a, b] = [
    await tensor(usual.run, 'value_heads.safetensors', 'bias'),
    await tensor(slow.run, 'value_heads.safetensors', 'bias'),
  ];
  a.forEach((bias, k) => assert.ok(Math.abs(bias / at(b, k) - 10) < 1e-3, 'the learning rate of the optimizer is 0.1'));
  assert.deepEqual(
    await tensor(slow.run, 'adapter_model.safetensors', 'lora_B'),
    await tensor(usual.run, 'adapter_model.safetensors', 'lora_B'),
  );
});

test('with pretraining texts the policy keeps modelling them', async (t) => {
  const { world, coordinator } = await startAll(t);
  const config = (extra: string): string => runYaml({ steps: 15, objectives: ['letters'], extra });
  const without = await train(coordinator, world, config(''), 'without');
  const beside = withTexts(config('ppo: { ptx: { coefficient: 3, batch: 4 } }'));
  const withThem = await train(coordinator, world, beside, 'beside');
  const letterB = 4;
  const logit = async ({ run }: TrainedRun): Promise<number> =>
    at(await tensor(run, 'adapter_model.safetensors', 'lora_B'), letterB);
  const [before, after] = [await logit(without), await logit(withThem)];
  t.diagnostic(`logit of b: ${before} without, ${after} with`);
  assert.ok(after > before + 0.5);
});

test('pairs: the ranking of both objectives improves without sampling and without rewards', async (t) => {
  const { world, coordinator } = await startAll(t, { scorers: {} });
  const { run, reports } = await train(coordinator, world, pairsYaml({ steps: 30 }), 'pairs');
  const first = at(reports, 0);
  const late = reports.slice(-10);
  for (const k of [0, 1]) {
    const { name, accuracy: initial, rewardMean } = at(first.objectives, k);
    assert.deepEqual([initial, Math.abs(rewardMean)], [0.5, 0]);
    const entries = late.map(({ objectives }) => at(objectives, k));
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    const accuracy = mean(entries.map((entry) => entry.accuracy ?? NaN));
    const margin = mean(entries.map((entry) => entry.rewardMean));
    t.diagnostic(`${name}: accuracy ${accuracy}, margin ${margin}`);
    assert.ok(accuracy > 0.6 && margin > 0.05);
    assert.ok(entries.every(({ progress }) => progress > 0));
  }
  assert.equal(world.rollouts[0]?.answered['Generate'], 0);
  assert.ok(first.maxLogprobGap < 1e-6 && first.clipFraction === 0, 'the ratio is 1');
  await assert.rejects(async () => {
    for await (const { report } of coordinator.client.EvaluateRun({ runId: run.id }, { deadlineMs }))
      assert.equal(report, undefined);
  }, /FAILED_PRECONDITION.*REWARD_SERVICES has no address for letters, short/s);
});

test('pairs: the same bytes with other workers and after a pause, and an evaluation if there are rewards', async (t) => {
  const { world, coordinator } = await startAll(t, { gradients: [() => undefined, () => undefined] });
  const config = pairsYaml({
    steps: 6,
    extra: 'combine: { method: pgapo, preference: { letters: 1, short: 1 }, source: logits, refreshEvery: 2 }',
  });
  const whole = await train(coordinator, world, config, 'whole');
  const alone = await startAll(t);
  await createRun(alone.coordinator, alone.world, config, 'whole');
  await alone.coordinator.client.PauseRun({ runId: 'whole' }, { deadlineMs });
  await until(alone.coordinator, 'whole', 'RUN_STATE_PAUSED');
  await alone.coordinator.stop();
  const second = await startCoordinator(t, alone.world);
  await second.client.ResumeRun({ runId: 'whole' }, { deadlineMs });
  const { versionSha256 } = await until(second, 'whole', 'RUN_STATE_SUCCEEDED');
  assert.equal(versionSha256, whole.run.versionSha256);
  let evaluated: string[] = [];
  for await (const { report } of coordinator.client.EvaluateRun({ runId: 'whole' }, { deadlineMs })) {
    if (report) evaluated = report.objectives.map(({ name }) => name);
  }
  assert.deepEqual(evaluated, ['letters', 'short']);
});
