// Sampling ahead of training: the schedule alone decides what a step learns from, regardless of which workers run it and what interrupts
// it.
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connectEvents } from '@gapo/events';
import { readSafetensors } from '@gapo/model';
import { at, required } from '@gapo/numeric';
import {
  fromTensor,
  RpcError,
  type ComputeGradientsRequest,
  type GenerateRequest,
  type LogProbsRequest,
} from '@gapo/rpc';
import {
  createRun,
  createRunHeldAt,
  deadlineMs,
  getRun,
  rewardOf,
  rewardServer,
  runYaml,
  scoring,
  startAll,
  startCoordinator,
  startWorld,
  train,
  trainAlone,
  until,
} from '../fixtures/world.fixture.js';

/** Returns a configuration that samples some steps ahead. */
function stale(staleness: number, { steps = 5, extra = '' } = {}): string {
  return runYaml({ steps, extra }).replace('maxNewTokens: 6', `maxNewTokens: 6, staleness: ${staleness}`);
}

/** Configurations that take different paths through a step. */
const variants: Record<string, string> = {
  'staleness 1': stale(1),
  'staleness 2, critics, several updates a step': stale(2, {
    extra: 'ppo: { advantages: gae, epochs: 2, minibatches: 2 }',
  }),
  'staleness 2, truncated weights, KL in the reward': stale(2, {
    extra:
      'ppo: { importanceCap: 1.5, minibatches: 2 }\nkl: { in: reward, controller: { kind: adaptive, target: 0.5, horizon: 100 } }',
  }),
};

for (const [name, config] of Object.entries(variants)) {
  test(`one worker and three end in the same bytes: ${name}`, async (t) => {
    const answer = (): void => undefined;
    const one = await trainAlone(t, config);
    const three = await trainAlone(t, config, {
      rollouts: [answer, answer, answer],
      gradients: [answer, answer, answer],
    });
    assert.equal(three.run.versionSha256, one.run.versionSha256);
    const sizes = (reports: typeof one.reports): unknown =>
      reports.map(({ effectiveSampleSize }) => effectiveSampleSize);
    assert.deepEqual(sizes(three.reports), sizes(one.reports));
  });
}

test('completions come from the versions of the schedule; events and reports say so', async (t) => {
  const bus = await connectEvents({ source: 'gapo/coordinator', inProcess: true });
  t.after(() => bus.close());
  const world = await startWorld(t);
  const coordinator = await startCoordinator(t, world, bus);
  const { reports } = await train(coordinator, world, stale(2, { steps: 6, extra: 'ppo: { epochs: 2 }' }));
  const versions = new Map<number, Set<number>>();
  for await (const { type, data } of bus.replay('bandit')) {
    if (type !== 'gapo.v1.rollout') continue;
    versions.set(data.step, (versions.get(data.step) ?? new Set()).add(data.version));
  }
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6].map((step) => [...(versions.get(step) ?? [])]),
    [[0], [0], [0], [2], [4], [6]],
  );
  assert.deepEqual(
    reports.map(({ staleness }) => staleness),
    [0, 2, 4, 4, 4, 4],
  );
  assert.equal(at(reports, 0).effectiveSampleSize, 1);
  assert.ok(
    reports.slice(1).every(({ effectiveSampleSize = NaN }) => effectiveSampleSize > 0.1 && effectiveSampleSize < 1),
  );
});

test('without staleness a report has neither, and no checkpoint has earlier versions', async (t) => {
  const { run, reports } = await trainAlone(t, runYaml({ steps: 2 }));
  assert.deepEqual(
    reports.map(({ staleness, effectiveSampleSize }) => [staleness, effectiveSampleSize]),
    [
      [undefined, undefined],
      [undefined, undefined],
    ],
  );
  assert.doesNotMatch(await readFile(join(run.checkpoint, 'state.json'), 'utf8'), /earlier_versions/);
});

test('sampling of the next step runs while a step trains, and not further ahead than the bound', async (t) => {
  const sampled = new Map<number, () => void>();
  const began = (step: number): Promise<void> => new Promise((resolve) => sampled.set(step, resolve));
  const started: number[] = [];
  const { world, coordinator } = await startAll(t, {
    rollouts: [
      ({ request }) => {
        const { step } = request as GenerateRequest;
        started.push(step);
        sampled.get(step)?.();
      },
    ],
  });
  const ahead = began(3);
  const release = await createRunHeldAt(coordinator, world, stale(1), 2);
  await ahead; // while step 2 waits for its scores
  assert.equal((await getRun(coordinator)).step, 1);
  assert.equal(Math.max(...started), 3);
  release();
  await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
  assert.equal(started.length, 5 * 3, 'every shard of every step is sampled once');
});

/** The requests that gradient workers receive for a version. */
interface Asked {
  readonly gradients: ComputeGradientsRequest[];
}

/** Trains two steps and returns what the gradients of the second were computed from, in shard order. */
async function secondStep(t: TestContext, config: string): Promise<Asked & Awaited<ReturnType<typeof trainAlone>>> {
  const gradients: ComputeGradientsRequest[] = [];
  const trained = await trainAlone(t, config, {
    gradients: [
      ({ method, request }) => {
        const asked = request as ComputeGradientsRequest;
        if (method === 'ComputeGradients' && asked.policy?.version === 1) gradients.push(asked);
      },
    ],
  });
  return { ...trained, gradients: gradients.sort((a, b) => a.shard - b.shard) };
}

/** Returns log-probabilities of the bandit's tokens under the version of a checkpoint. */
async function logprobsAt(checkpoint: string): Promise<number[]> {
  const tensors = await readSafetensors(join(checkpoint, 'adapter_model.safetensors'));
  const logits = [
    ...required(
      tensors.find(({ name }) => name.includes('lora_B')),
      'the logits',
    ).data,
  ];
  const sum = logits.reduce((total, z) => total + Math.exp(z), 0);
  return logits.map((z) => z - Math.log(sum));
}

const twoSteps = { steps: 2, extra: 'checkpoints: { every: 1, keep: 9 }' };

/** The tokens of each completion. */
const completionsOf = ({ gradients }: Asked): number[][] =>
  gradients.flatMap(({ sequences }) => sequences.map(({ completionIds }) => completionIds));

const oldOf = ({ gradients }: Asked): number[] =>
  gradients.flatMap(({ oldLogprobs }) => [...fromTensor(oldLogprobs, 'DATA_TYPE_F32').data]);

function assertClose(found: readonly number[], expected: readonly number[], tolerance: number): void {
  assert.equal(found.length, expected.length);
  found.forEach((value, i) =>
    assert.ok(Math.abs(value - at(expected, i)) <= tolerance, `${i}: ${value}, ${expected[i]}`),
  );
}

test('the ratio is to the policy that sampled; clip and effective sample size follow from it', async (t) => {
  const second = await secondStep(t, stale(1, twoSteps).replace('learningRate: 0.1', 'learningRate: 0.3'));
  const tokens = completionsOf(second).flat();
  // Version 0 draws every token with the same probability.
  assertClose(
    oldOf(second),
    tokens.map(() => -Math.log(8)),
    1e-6,
  );
  const current = await logprobsAt(second.run.checkpoint.replace('step-000002', 'step-000001'));
  const ratios = tokens.map((token) => Math.exp(at(current, token) + Math.log(8)));
  assert.ok(
    ratios.some((ratio) => Math.abs(ratio - 1) > 0.01),
    'the first update changed the policy',
  );
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const { effectiveSampleSize = NaN, clipFraction, staleness, maxLogprobGap } = at(second.reports, 1);
  assert.equal(staleness, 1);
  const expected = sum(ratios) ** 2 / sum(ratios.map((ratio) => ratio * ratio)) / ratios.length;
  assert.ok(Math.abs(effectiveSampleSize - expected) < 1e-6, `${effectiveSampleSize}, ${expected}`);
  let [clipped, token] = [0, 0];
  for (const { sequences, advantages } of second.gradients) {
    const { data, shape } = fromTensor(advantages, 'DATA_TYPE_F32');
    const objectives = at(shape, 1);
    sequences.forEach(({ completionIds }, s) => {
      for (let i = 0; i < completionIds.length; i++, token++) {
        for (let k = 0; k < objectives; k++) {
          const advantage = at(data, s * objectives + k);
          if (advantage > 0 ? at(ratios, token) > 1.2 : at(ratios, token) < 0.8)
            clipped += 1 / (objectives * tokens.length);
        }
      }
    });
  }
  assert.ok(clipped > 0, 'some tokens are outside of the clip range');
  assert.ok(Math.abs(clipFraction - clipped) < 1e-9, `${clipFraction}, ${clipped}`);
  assert.ok(maxLogprobGap < 1e-6, 'sampler and trainer agree under the version that sampled');
});

test('truncated weights multiply the advantages of their completions, and the ratio starts at 1', async (t) => {
  const cap = 1.1;
  const plain = await secondStep(t, stale(1, twoSteps));
  const extra = `${twoSteps.extra}\nppo: { importanceCap: ${cap} }`;
  const capped = await secondStep(t, stale(1, { ...twoSteps, extra }));
  const completions = completionsOf(plain);
  assert.deepEqual(completionsOf(capped), completions, 'the weights of the first step are 1');
  const current = await logprobsAt(capped.run.checkpoint.replace('step-000002', 'step-000001'));
  assertClose(
    oldOf(capped),
    completions.flat().map((token) => at(current, token)),
    1e-6,
  );
  const weights = completions.map((tokens) =>
    Math.min(
      cap,
      tokens.reduce((product, token) => product * Math.exp(at(current, token)) * 8, 1),
    ),
  );
  assert.ok(weights.includes(cap) && weights.some((weight) => weight < 0.99), 'some weights are truncated');
  const advantages = ({ gradients }: Asked): number[] =>
    gradients.flatMap((request) => [...fromTensor(request.advantages, 'DATA_TYPE_F32').data]);
  const objectives = advantages(plain).length / completions.length;
  const expected = advantages(plain).map((advantage, i) => advantage * at(weights, Math.floor(i / objectives)));
  // Workers get each objective's advantages in units of the largest.
  const largest = Array.from({ length: objectives }, (_, k) =>
    Math.max(...expected.filter((_, i) => i % objectives === k).map(Math.abs)),
  );
  assertClose(
    advantages(capped),
    expected.map((advantage, i) => advantage / at(largest, i % objectives)),
    1e-5,
  );
  assert.equal(at(capped.reports, 1).clipFraction, 0);
});

test('truncated weights also correct a sampler that is unlike the trainer, without staleness', async (t) => {
  const config = runYaml({ steps: 1, extra: 'ppo: { importanceCap: 2 }' });
  const { reports } = await trainAlone(t, config, { sampler: { logprobGap: 0.125 } });
  const { staleness, effectiveSampleSize = NaN, clipFraction, maxLogprobGap } = at(reports, 0);
  assert.deepEqual([staleness, clipFraction], [0, 0]);
  assert.ok(Math.abs(effectiveSampleSize - 1) < 1e-6, 'every token has the same weight');
  assert.ok(Math.abs(maxLogprobGap - 0.125) < 1e-6, `${maxLogprobGap}`);
});

test('the gap between sampler and trainer is measured under the version that sampled', async (t) => {
  const asked: LogProbsRequest[] = [];
  const options = {
    sampler: { logprobGap: 0.125 },
    gradients: [
      ({ method, request }: { method: string; request: unknown }): void => {
        if (method === 'LogProbs') asked.push(request as LogProbsRequest);
      },
    ],
  };
  const { reports } = await trainAlone(t, stale(1, { steps: 4, extra: 'kl: { coefficient: 0 }' }), options);
  for (const { step, maxLogprobGap } of reports) assert.ok(Math.abs(maxLogprobGap - 0.125) < 1e-6, `step ${step}`);
  const sequences = (version: number): number =>
    asked
      .filter(({ policy }) => policy?.version === version)
      .reduce((sum, request) => sum + request.sequences.length, 0);
  // All 32 completions of a step under its newest version, and one in eight of each shard under the version that sampled, if it differs.
  assert.deepEqual([0, 1, 2, 3].map(sequences), [32 + 5, 32 + 5, 32 + 5, 32]);
});

test('a gap above the limit pauses the run before the policy changes', async (t) => {
  const { world, coordinator } = await startAll(t, { sampler: { logprobGap: 0.125 } });
  const config = stale(1, { extra: 'recovery: { resume: manual }' });
  await createRun(
    coordinator,
    world,
    config.replace('staleness: 1', 'staleness: 1, maxLogprobGap: { warn: 0.05, pause: 0.1 }'),
  );
  const { step, reason } = await until(coordinator, 'bandit', 'RUN_STATE_PAUSED');
  assert.equal(step, 0);
  assert.match(reason, /is 0\.125 from the trainer's, above rollout\.maxLogprobGap\.pause of 0\.1/);
});

test('a paused run resumes to the same bytes, also where an objective changes meanwhile', async (t) => {
  const third = await rewardServer(
    t,
    'third',
    scoring((completion) => completion.length / 8),
  );
  const config = stale(2, { steps: 6 });
  const changed = async (pausing: boolean): Promise<string> => {
    const { world, coordinator } = await startAll(t);
    const { client } = coordinator;
    const release = await createRunHeldAt(coordinator, world, config, 3);
    const add = [{ name: 'third', service: third.address }];
    await client.ChangeObjectives({ runId: 'bandit', add, author: 'Ada' }, { deadlineMs });
    if (pausing) await client.PauseRun({ runId: 'bandit' }, { deadlineMs });
    release();
    if (pausing) {
      assert.equal((await until(coordinator, 'bandit', 'RUN_STATE_PAUSED')).step, 3);
      await client.ResumeRun({ runId: 'bandit' }, { deadlineMs });
    }
    return (await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED')).versionSha256;
  };
  assert.equal(await changed(true), await changed(false));
});

test('killed in any phase of a step, a run continues to the same bytes', async (t) => {
  const killed = 4;
  const newest = killed - 1;
  const copies: string[] = [];
  let copy = (_phase: string): void => undefined;
  const world = await startWorld(t, {
    rollouts: [({ request }) => copy(`sampling step ${(request as GenerateRequest).step}`)],
    gradients: [
      ({ method, request }) => {
        if ((request as LogProbsRequest).policy?.version === newest) copy(method);
      },
    ],
  });
  const reward = rewardOf(world, 'short');
  const { answer } = reward;
  reward.answer = (request, signal) => {
    if (request.items[0]?.id.startsWith(`${killed}.`)) copy('scoring');
    return answer(request, signal);
  };
  const folder = join(world.directory, 'copies');
  await mkdir(folder);
  copy = (phase) => {
    if (copies.includes(phase)) return;
    copies.push(phase);
    cpSync(join(world.directory, 'runs', 'bandit'), join(folder, phase, 'bandit'), { recursive: true });
  };
  const coordinator = await startCoordinator(t, world);
  const whole = await train(coordinator, world, stale(2, { steps: 7 }));
  await coordinator.stop();
  copy = () => undefined;
  // Sampling for step 6 begins when step 4 does.
  assert.deepEqual(
    [...copies].sort(),
    ['ComputeGradients', 'LogProbs', 'scoring', ...[1, 2, 3, 4, 5, 6, 7].map((step) => `sampling step ${step}`)].sort(),
  );
  for (const phase of ['sampling step 6', 'LogProbs', 'scoring', 'ComputeGradients']) {
    const again = await startCoordinator(t, { ...world, env: { ...world.env, DATA_DIR: join(folder, phase) } });
    const { step } = await getRun(again);
    assert.ok(step === killed - 1 || step === killed, `${phase}: found step ${step}`);
    const ended = await until(again, 'bandit', 'RUN_STATE_SUCCEEDED');
    assert.equal(ended.versionSha256, whole.run.versionSha256, phase);
    await again.stop();
  }
});

test('an error of sampling ahead ends the run when its step begins, not the one that trains', async (t) => {
  const { world, coordinator } = await startAll(t, {
    rollouts: [
      ({ request }) => {
        if ((request as GenerateRequest).step === 3) throw new RpcError('INVALID_ARGUMENT', 'no such prompt');
      },
    ],
  });
  await createRun(coordinator, world, stale(2));
  const { step, reason } = await until(coordinator, 'bandit', 'RUN_STATE_FAILED');
  assert.equal(step, 2);
  assert.match(reason, /no such prompt/);
});
