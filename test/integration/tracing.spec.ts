/** Every training step is one trace across all five kinds of process, through gRPC and NATS. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { findNatsServer } from '@gapo/events';
import { connect, type StepReport } from '@gapo/rpc';
import { type Workspace, makeWorkspace, project, runYaml, startPlatform } from '../platform.fixture.js';
import { edgesOf, type Span, startReceiver } from '../traces.fixture.js';

const gapo = join(project, 'services/cli/dist/main.js');

describe('traces', { skip: findNatsServer() === undefined && 'nats-server is not available' }, () => {
  let workspace: Workspace;
  let spans: readonly Span[] = [];
  let roots: readonly Span[] = [];
  let bodies: readonly string[] = [];
  const reports: StepReport[] = [];
  before(async () => {
    workspace = await makeWorkspace();
    const receiver = await startReceiver();
    ({ spans, bodies } = receiver);
    const platform = await startPlatform({
      directory: workspace.directory,
      // Steps of a second, so that the time of a slow disk after a step's report, within its span, is a
      // small part of it.
      env: { ...receiver.env, GAPO_FAULTS: 'rpc.call[Score]=delay:200' },
    });
    const training = connect('gapo.training.v1.TrainingService', platform.coordinator);
    await training.CreateRun(
      { configYaml: runYaml(), baseDirectory: workspace.directory, runId: 'traced' },
      { deadlineMs: Infinity },
    );
    for await (const { step } of training.WatchRun({ runId: 'traced' }, { deadlineMs: Infinity }))
      if (step) reports.push(step);
    training.close();
    await platform.stop(); // the services flush their spans before they exit
    receiver.close();
    roots = spans.filter(({ name }) => name === 'rl.loop');
    assert.deepEqual(
      roots.map(({ traceId }) => traceId).sort(),
      reports.map(({ traceId }) => traceId).sort(),
      'the reports name the traces',
    );
  });
  after(() => workspace.remove());

  const inTrace = (traceId: string): readonly Span[] => spans.filter((span) => span.traceId === traceId);

  test('there is one for each step, and the step is its only root', () => {
    assert.equal(roots.length, 3);
    assert.equal(new Set(roots.map(({ traceId }) => traceId)).size, 3);
    for (const { traceId } of roots) {
      const own = inTrace(traceId);
      const ids = new Set(own.map(({ spanId }) => spanId));
      const rootless = own.filter(({ parentSpanId }) => !ids.has(parentSpanId ?? ''));
      assert.deepEqual(
        rootless.map(({ name }) => name),
        ['rl.loop'],
      );
    }
    assert.deepEqual(roots.map(({ attributes }) => attributes.get('rl.loop.iteration')).sort(), [1, 2, 3]);
  });

  test('each spans all five kinds of process', () => {
    for (const { traceId } of roots) {
      assert.deepEqual([...new Set(inTrace(traceId).map(({ service }) => service))].sort(), [
        'gapo-coordinator',
        'gapo-gateway',
        'gapo-gradient',
        'gapo-reward',
        'gapo-rollout',
      ]);
    }
  });

  test('each has the parent → child edges of a training step', () => {
    const c = 'gapo-coordinator';
    const call = (from: string, to: string, method: string): string =>
      `${from}:grpc.gapo.${method} -> ${to}:grpc.gapo.${method}`;
    const expected = [
      ...['rl.sample', 'rl.reward', 'gapo.step.logprobs', 'gapo.step.advantages', 'rl.train'].map(
        (phase) => `${c}:rl.loop -> ${c}:${phase}`,
      ),
      ...['gradients', 'combination', 'optimizer'].map((phase) => `${c}:rl.train -> ${c}:gapo.step.${phase}`),
      `${c}:rl.sample -> ${c}:grpc.gapo.rollout.v1.RolloutService/Generate`,
      call(c, 'gapo-rollout', 'rollout.v1.RolloutService/Generate'),
      'gapo-rollout:grpc.gapo.rollout.v1.RolloutService/Generate -> gapo-rollout:gapo.rollout.generate',
      `${c}:rl.reward -> ${c}:grpc.gapo.reward.v1.RewardService/Score`,
      call(c, 'gapo-reward', 'reward.v1.RewardService/Score'),
      'gapo-reward:grpc.gapo.reward.v1.RewardService/Score -> gapo-reward:gapo.reward.score',
      `${c}:gapo.step.gradients -> ${c}:grpc.gapo.gradient.v1.GradientService/ComputeGradients`,
      call(c, 'gapo-gradient', 'gradient.v1.GradientService/ComputeGradients'),
      'gapo-gradient:grpc.gapo.gradient.v1.GradientService/ComputeGradients -> gapo-gradient:gapo.gradient.compute',
      'gapo-gradient:rl.sync -> gapo-gradient:grpc.gapo.policy.v1.PolicyService/GetVersion',
      call('gapo-gradient', c, 'policy.v1.PolicyService/GetVersion'),
      `${c}:gapo.step.gradients -> ${c}:gapo.event.publish`,
      `${c}:gapo.event.publish -> gapo-gateway:gapo.event.process`,
    ];
    for (const { traceId } of roots) {
      const found = edgesOf(spans, traceId);
      for (const edge of expected) assert.ok(found.has(edge), `no edge ${edge} among\n${[...found].sort().join('\n')}`);
    }
  });

  test('gapo trace rebuilds the time table of each step within 3 % of its wall time', async () => {
    const file = join(workspace.directory, 'traces.jsonl');
    await writeFile(file, bodies.map((body) => `${body.trim()}\n`).join(''));
    assert.equal(reports.length, 3);
    for (const { step, traceId, seconds, phases } of reports) {
      const args = [gapo, 'trace', 'traced', String(step), '--file', file];
      const { stdout } = await promisify(execFile)(process.execPath, [...args, '--json']);
      const found = JSON.parse(stdout) as { traceId: string; seconds: number; phases: Record<string, number> };
      assert.equal(found.traceId, traceId);
      const isNear = (name: string, value = NaN, expected = NaN): void =>
        assert.ok(Math.abs(value - expected) <= 0.03 * seconds, `step ${step}: ${name} ${value}, reported ${expected}`);
      isNear('seconds', found.seconds, seconds);
      for (const [phase, expected] of Object.entries<number>({ ...phases }))
        isNear(phase, found.phases[phase], expected);
      const text = (await promisify(execFile)(process.execPath, args)).stdout;
      for (const part of [/^rl\.loop +coordinator/m, /^ {2}rl\.train/m, /gapo\.rollout\.generate +rollout .*█/, /sampling +\d+\.\d{3} +\d+\.\d %/]) assert.match(text, part); // prettier-ignore
    }
    const missing = promisify(execFile)(process.execPath, [gapo, 'trace', 'traced', '9', '--file', file]);
    await assert.rejects(missing, /has no trace of step 9 of run traced: it has steps 1 to 3 of that run/);
  });
});
