// Runs on real services: what they learn, and that only the configuration determines the result.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { at, required } from '@gapo/numeric';
import { RpcError, type Progress, type StepReport } from '@gapo/rpc';
import {
  createRun,
  deadlineMs,
  runYaml,
  startAll,
  startCoordinator,
  startWorld,
  trainAlone,
  until,
} from '../fixtures/world.fixture.js';

const mean = (reports: readonly StepReport[], k: number): number =>
  reports.reduce((sum, { objectives }) => sum + at(objectives, k).rewardMean, 0) / reports.length;

test('GAPO raises both rewards, and each report describes its step', async (t) => {
  const { run, reports } = await trainAlone(t, runYaml({ steps: 30 }));
  assert.equal(run.step, 30);
  assert.deepEqual(
    reports.map(({ step }) => step),
    Array.from({ length: 30 }, (_, i) => i + 1),
  );
  for (const k of [0, 1]) {
    const [early, late] = [mean(reports.slice(0, 5), k), mean(reports.slice(-5), k)];
    t.diagnostic(`${reports[0]?.objectives[k]?.name}: ${early.toFixed(3)} to ${late.toFixed(3)}`);
    assert.ok(late > early);
  }
  for (const { objectives, tokens, completionLength, finishedFraction, phases, ...report } of reports) {
    assert.ok(phases);
    const alpha = objectives.reduce((sum, objective) => sum + objective.alpha, 0);
    assert.ok(Math.abs(alpha - 1) < 1e-9);
    for (const { progress, gradientNorm, failed, latencyMs } of objectives) {
      assert.ok(progress >= 0 && gradientNorm > 0 && latencyMs > 0);
      assert.equal(failed, 0);
    }
    assert.equal(completionLength, tokens / 32);
    assert.ok(finishedFraction >= 0 && finishedFraction <= 1);
    assert.ok(report.maxLogprobGap < 1e-6, 'sampler and trainer agree');
    assert.ok(report.stationarity >= 0 && report.stationarity <= 1);
    assert.equal(report.learningRate, 0.1);
    const { sampling, rewards, gradients, combination, checkpoint } = phases;
    assert.ok(sampling + rewards + gradients + combination + checkpoint <= report.seconds * 1.01);
  }
  assert.equal(reports.at(-1)?.etaSeconds, 0);
  const [first = NaN, last = NaN] = [reports[0]?.kl, reports.at(-1)?.kl];
  assert.ok(first < 1e-9 && last > first, 'the policy starts as the reference');
});

test('a single objective is learned at the expense of the other', async (t) => {
  const config = runYaml({ steps: 20, extra: 'combine: { method: single, objective: letters }' });
  const { reports } = await trainAlone(t, config);
  assert.ok(mean(reports.slice(-5), 0) > mean(reports.slice(0, 5), 0) + 0.5);
  assert.ok(mean(reports.slice(-5), 1) < mean(reports.slice(0, 5), 1));
  assert.deepEqual(
    at(reports, 0).objectives.map(({ weight }) => weight),
    [1, 0],
  );
});

/** Configurations that take different paths through a step. */
const variants: Record<string, string> = {
  rloo: '',
  'gae with critics, two epochs, an entropy bonus':
    'ppo: { advantages: gae, epochs: 2, missingEosPenalty: 0.5 }\nentropyCoefficient: 0.01',
  'kl in the reward, adaptive': 'kl: { in: reward, controller: { kind: adaptive, target: 0.5, horizon: 100 } }',
  'no kl, pgapo': 'kl: { coefficient: 0 }\ncombine: { method: pgapo, preference: { letters: 0.7, short: 0.3 } }',
};

for (const [name, extra] of Object.entries(variants)) {
  test(`the same configuration ends in the same bytes, whichever workers run it: ${name}`, async (t) => {
    const config = runYaml({ steps: 3, extra });
    const answer = (): void => undefined;
    const [one, three] = [
      await trainAlone(t, config),
      await trainAlone(t, config, { rollouts: [answer, answer], gradients: [answer, answer, answer] }),
    ];
    assert.match(one.run.versionSha256, /^[0-9a-f]{64}$/);
    assert.equal(three.run.versionSha256, one.run.versionSha256);
    for (const file of (await readdir(one.run.checkpoint)).filter((entry) => entry.endsWith('.safetensors'))) {
      const [a, b] = await Promise.all([one, three].map(({ run }) => readFile(join(run.checkpoint, file))));
      assert.ok(a && b && a.equals(b), file);
    }
    const numbers = ({ objectives, kl, entropy, updateNorm }: StepReport): unknown => [
      objectives.map(({ rewardMean, weight, gradientNorm }) => [rewardMean, weight, gradientNorm]),
      [kl, entropy, updateNorm],
    ];
    assert.deepEqual(three.reports.map(numbers), one.reports.map(numbers));
  });
}

test('a version counts updates: two per step with two epochs', async (t) => {
  const { run, reports } = await trainAlone(t, runYaml({ steps: 3, extra: 'ppo: { epochs: 2 }' }));
  const state = JSON.parse(await readFile(join(run.checkpoint, 'state.json'), 'utf8')) as Record<string, unknown>;
  assert.deepEqual([state['step'], state['version'], state['position']], [3, 6, 24]);
  assert.ok(
    reports.every(({ maxLogprobGap }) => maxLogprobGap < 1e-6),
    'the gap is measured under the sampling version',
  );
});

test('critics learn: the value loss moves their biases towards the returns', async (t) => {
  const { run } = await trainAlone(t, runYaml({ steps: 10, extra: 'ppo: { advantages: gae }' }));
  const bytes = await readFile(join(run.checkpoint, 'value_heads.safetensors'));
  const [letters = NaN, short = NaN] = new Float32Array(new Uint8Array(bytes.subarray(bytes.length - 8)).buffer);
  assert.ok(letters > 0, 'letters have positive returns');
  assert.ok(short < 0, 'length has negative returns');
});

test('workers that die during a step change only its duration', async (t) => {
  const config = runYaml({ steps: 4 });
  const { run } = await trainAlone(t, config);
  const world = await startWorld(t, {
    rollouts: [dying(() => at(world.rollouts, 0).kill(), 4), () => undefined],
    gradients: [dying(() => at(world.gradients, 0).kill(), 6), () => undefined],
  });
  const coordinator = await startCoordinator(t, world);
  await createRun(coordinator, world, config);
  const ended = await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
  assert.equal(ended.versionSha256, run.versionSha256);
  assert.ok((world.rollouts[0]?.answered['Generate'] ?? 0) >= 3);
});

/** A worker that dies at call number `fatal` without answering it. */
function dying(kill: () => Promise<void>, fatal: number): () => Promise<void> {
  let calls = 0;
  return async () => {
    calls += 1;
    if (calls < fatal) return;
    void kill();
    await new Promise(() => undefined);
  };
}

test('two concurrent runs share the workers without affecting each other', async (t) => {
  const config = runYaml({ steps: 4 });
  const alone = await trainAlone(t, config);
  const { world, coordinator } = await startAll(t);
  await Promise.all(['one', 'two'].map((id) => createRun(coordinator, world, config, id)));
  for (const id of ['one', 'two']) {
    const { versionSha256 } = await until(coordinator, id, 'RUN_STATE_SUCCEEDED');
    assert.equal(versionSha256, alone.run.versionSha256);
  }
  const { runs } = await coordinator.client.ListRuns({}, { deadlineMs });
  assert.deepEqual(new Set(runs.map(({ id }) => id)), new Set(['one', 'two']));
});

test('progress reports the phases of a step and names the reward that it waits for', async (t) => {
  const { world, coordinator } = await startAll(t);
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const short = required(world.rewards['short'], 'the reward service short');
  const answer = short.answer;
  short.answer = async (request, signal) => (await released, answer(request, signal));
  await createRun(coordinator, world, runYaml({ steps: 1 }));
  const seen: Progress[] = [];
  for await (const { progress } of coordinator.client.WatchRun({ runId: 'bandit' }, { deadlineMs })) {
    if (!progress) continue;
    seen.push(progress);
    if (progress.waitingFor === 'reward short') release();
  }
  assert.ok(seen.every(({ step, done, total }) => step === 1 && done <= total));
  assert.ok(seen.some(({ phase, waitingFor }) => phase === 'rewards' && waitingFor === 'reward short'));
});

test('log-probabilities of a shard are computed while others are sampled', async (t) => {
  let begun = (): void => undefined;
  const computing = new Promise<void>((resolve) => (begun = resolve));
  let sampled = 0;
  const { world, coordinator } = await startAll(t, {
    rollouts: [() => (++sampled === 1 ? undefined : computing)],
    gradients: [({ method }) => (method === 'LogProbs' ? begun() : undefined)],
  });
  await createRun(coordinator, world, runYaml({ steps: 1 }));
  await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
  assert.equal(sampled, 3);
});

test('a step waits for scores and log-probabilities concurrently', async (t) => {
  let begun = (): void => undefined;
  const computing = new Promise<void>((resolve) => (begun = resolve));
  const world = await startWorld(t, {
    gradients: [({ method }) => (method === 'LogProbs' ? begun() : undefined)],
  });
  const short = required(world.rewards['short'], 'the reward service short');
  const answer = short.answer;
  short.answer = async (request, signal) => (await computing, answer(request, signal));
  const coordinator = await startCoordinator(t, world);
  await createRun(coordinator, world, runYaml({ steps: 1 }));
  await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
});

test('a reward that fails cancels running log-probabilities', async (t) => {
  let cancelled = (): void => undefined;
  const aborted = new Promise<void>((resolve) => (cancelled = resolve));
  let begun = (): void => undefined;
  const computing = new Promise<void>((resolve) => (begun = resolve));
  const world = await startWorld(t, {
    gradients: [
      async ({ method, signal }) => {
        if (method !== 'LogProbs') return;
        signal.addEventListener('abort', cancelled, { once: true });
        begun();
        await new Promise(() => undefined);
      },
    ],
  });
  required(world.rewards['short'], 'the reward service short').answer = async () => {
    await computing;
    throw new RpcError('INVALID_ARGUMENT', 'no model');
  };
  const coordinator = await startCoordinator(t, world);
  await createRun(coordinator, world, runYaml({ steps: 1 }));
  const { reason } = await until(coordinator, 'bandit', 'RUN_STATE_PAUSED');
  assert.match(reason, /short.*no model/s);
  await aborted;
});
