/** Every training step is one trace across all five kinds of process, through gRPC and NATS. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { findNatsServer } from '@gapo/events';
import { connect } from '@gapo/rpc';
import { type Workspace, makeWorkspace, runYaml, startPlatform } from '../platform.fixture.js';
import { type Span, startReceiver } from '../traces.fixture.js';

describe('traces', { skip: findNatsServer() === undefined && 'nats-server is not available' }, () => {
  let workspace: Workspace;
  let spans: readonly Span[] = [];
  let roots: readonly Span[] = [];
  before(async () => {
    workspace = await makeWorkspace();
    const receiver = await startReceiver();
    spans = receiver.spans;
    const platform = await startPlatform({
      directory: workspace.directory,
      env: receiver.env,
    });
    const training = connect('gapo.training.v1.TrainingService', platform.coordinator);
    await training.CreateRun(
      { configYaml: runYaml(), baseDirectory: workspace.directory, runId: 'traced' },
      { deadlineMs: Infinity },
    );
    const reported: string[] = [];
    for await (const { step } of training.WatchRun({ runId: 'traced' }, { deadlineMs: Infinity }))
      if (step) reported.push(step.traceId);
    training.close();
    await platform.stop(); // the services flush their spans before they exit
    receiver.close();
    roots = spans.filter(({ name }) => name === 'rl.loop');
    assert.deepEqual(roots.map(({ traceId }) => traceId).sort(), [...reported].sort(), 'the reports name the traces');
  });
  after(() => workspace.remove());

  const inTrace = (traceId: string): readonly Span[] => spans.filter((span) => span.traceId === traceId);

  /** Parent → child edges of a trace, as `service:span`. */
  function edges(traceId: string): ReadonlySet<string> {
    const own = inTrace(traceId);
    const byId = new Map(own.map((span) => [span.spanId, span]));
    return new Set(
      own.flatMap((span) => {
        const parent = byId.get(span.parentSpanId ?? '');
        return parent === undefined ? [] : [`${parent.service}:${parent.name} -> ${span.service}:${span.name}`];
      }),
    );
  }

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
      const found = edges(traceId);
      for (const edge of expected) assert.ok(found.has(edge), `no edge ${edge} among\n${[...found].sort().join('\n')}`);
    }
  });
});
