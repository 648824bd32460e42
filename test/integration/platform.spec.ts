/** Runs over the real services: their results do not depend on the workers, and their events can be replayed. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type CloudEvent, connectEvents, findNatsServer } from '@gapo/events';
import { connect, type Run, type StepReport } from '@gapo/rpc';
import { type Platform, type Workspace, makeWorkspace, runYaml, startPlatform } from '../platform.fixture.js';

interface Finished {
  readonly run: Run;
  readonly steps: readonly StepReport[];
}

async function train(platform: Platform, workspace: Workspace, id: string, yaml: string): Promise<Finished> {
  const training = connect('gapo.training.v1.TrainingService', platform.coordinator);
  try {
    const path = join(workspace.directory, `${id}.yaml`);
    await writeFile(path, yaml);
    await training.CreateRun(
      { configYaml: yaml, baseDirectory: workspace.directory, runId: id },
      { deadlineMs: Infinity },
    );
    const steps: StepReport[] = [];
    for await (const { step } of training.WatchRun({ runId: id }, { deadlineMs: Infinity })) if (step) steps.push(step);
    const { run } = await training.GetRun({ runId: id }, { deadlineMs: Infinity });
    assert.ok(run);
    assert.equal(run.state, 'RUN_STATE_SUCCEEDED', run.reason);
    return { run, steps };
  } finally {
    training.close();
  }
}

const gae = runYaml({ ppo: '{ advantages: gae, epochs: 2 }', kl: '{ coefficient: 0.1, in: reward }' });
const full = runYaml({
  policy: '{ model: policy, train: full }',
  combine: '{ method: pgapo, preference: { short: 0.7, vowels: 0.3 } }',
  optimizer: '{ learningRate: 1e-3 }',
});

describe('a run over the real services', () => {
  let workspace: Workspace;
  let one: Platform;
  let two: Platform;
  before(async () => {
    workspace = await makeWorkspace();
    one = await startPlatform({ directory: workspace.directory });
    // A second workspace, with the same models, rewards and prompts.
    const second = await makeWorkspace();
    two = await startPlatform({ directory: second.directory, rolloutWorkers: 2, gradientWorkers: 2 });
  });
  after(async () => {
    await Promise.all([one.stop(), two.stop()]);
    await workspace.remove();
  });

  for (const [what, yaml] of [
    ['adapters, RLOO', runYaml()],
    ['adapters, GAE, two epochs, KL in the rewards', gae],
    ['every weight, P-GAPO', full],
  ] as const) {
    test(`gives the same bytes when repeated, and with two workers of each kind: ${what}`, async () => {
      const id = what.replaceAll(/[^a-z]+/gi, '-').toLowerCase();
      const first = await train(one, workspace, `${id}-1`, yaml);
      const again = await train(one, workspace, `${id}-2`, yaml);
      const wide = await train(two, workspace, `${id}-3`, yaml);
      assert.match(first.run.versionSha256, /^[0-9a-f]{64}$/);
      assert.equal(again.run.versionSha256, first.run.versionSha256);
      assert.equal(wide.run.versionSha256, first.run.versionSha256);
      assert.equal(first.steps.length, 3);
    });
  }

  test('moves the policy, and its sampler and trainer agree within 1e-4 per token', async () => {
    const { steps } = await train(one, workspace, 'moves', runYaml({ steps: '4' }));
    for (const { maxLogprobGap, objectives, tokens } of steps) {
      assert.ok(maxLogprobGap < 1e-4, `largest gap ${maxLogprobGap}`);
      assert.ok(tokens > 0 && objectives.length === 2);
      for (const { rewardMean, gradientNorm } of objectives)
        assert.ok(Number.isFinite(rewardMean) && Number.isFinite(gradientNorm));
    }
    assert.ok((steps.at(-1)?.kl ?? 0) > (steps[0]?.kl ?? 0), 'the policy leaves its reference');
  });

  test(
    'publishes its events to JetStream, which replays them in order',
    { skip: findNatsServer() === undefined && 'nats-server is not available' },
    async () => {
      const { run } = await train(one, workspace, 'replayed', runYaml());
      assert.ok(one.nats !== undefined);
      const bus = await connectEvents({ url: one.nats, source: 'test' });
      const events: CloudEvent[] = [];
      for await (const event of bus.replay(run.id)) events.push(event);
      await bus.close();
      const of = (kind: string): CloudEvent[] => events.filter(({ type }) => type === `gapo.v1.${kind}`);
      assert.deepEqual(
        of('step').map(({ data }) => (data as { step: number }).step),
        [1, 2, 3],
      );
      assert.equal(of('rollout').length, 3 * 4, 'one for each shard of each step');
      assert.equal(of('gradient').length, 3 * 4);
      assert.equal(of('reward').length, 3 * 2, 'one for each objective of each step');
      assert.deepEqual(
        of('state')
          .map(({ data }) => (data as { to: string }).to)
          .slice(-2),
        ['RUN_STATE_RUNNING', 'RUN_STATE_SUCCEEDED'],
      );
      assert.equal((of('checkpoint').at(-1)?.data as { sha256: string }).sha256, run.versionSha256);
      assert.equal(new Set(events.map(({ id }) => id)).size, events.length, 'no event twice');
      for (const event of events) assert.equal(event.specversion, '1.0');
    },
  );
});
