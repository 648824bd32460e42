// Runs over real services: what they learn, and that nothing but the configuration decides where they end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StepReport } from '@gapo/rpc';
import { createRun, deadlineMs, runYaml, startCoordinator, startWorld, until } from './testworld.js';

test('a run takes its steps, both rewards rise, and reports say what happened', async (t) => {
  const world = await startWorld(t);
  const coordinator = await startCoordinator(t, world);
  await createRun(coordinator, world, runYaml({ steps: 25, extra: 'combine: { method: gapo, p: 1 }' }));
  const ended = await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
  assert.equal(ended.step, 25);
  const reports: StepReport[] = [];
  for await (const { step } of coordinator.client.WatchRun({ runId: 'bandit' }, { deadlineMs }))
    if (step) reports.push(step);
  assert.deepEqual(
    reports.map(({ step }) => step),
    Array.from({ length: 25 }, (_, i) => i + 1),
  );
  for (const [k, name] of ['letters', 'short'].entries()) {
    const first = reports[0]!.objectives[k]!;
    const last = reports.at(-1)!.objectives[k]!;
    assert.equal(first.name, name);
    t.diagnostic(`${name}: ${first.rewardMean} to ${last.rewardMean}`);
    assert.ok(last.rewardMean > first.rewardMean);
  }
});
