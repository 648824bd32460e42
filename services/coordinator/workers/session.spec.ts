// A run continues only on workers that return the same bytes as the previous ones.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gradientWorker } from '../fixtures/testPolicy.fixture.js';
import {
  createRunHeldAt,
  deadlineMs,
  runYaml,
  startCoordinator,
  startWorld,
  until,
} from '../fixtures/world.fixture.js';

test('a run that was trained with other threads pauses with both numbers, and completes once matching workers are back', async (t) => {
  const world = await startWorld(t, { env: { WORKER_WAIT_SECONDS: '0.5' } });
  const first = await startCoordinator(t, world);
  const release = await createRunHeldAt(first, world, runYaml({ steps: 3, extra: 'recovery: { resume: manual }' }), 2);
  await first.client.PauseRun({ runId: 'bandit' }, { deadlineMs });
  release();
  await until(first, 'bandit', 'RUN_STATE_PAUSED');
  await first.stop();
  const unlike = await gradientWorker(t, world.coordinator, undefined, undefined, {
    environment: { threads: '2', device: 'cpu' },
  });
  const other = await startCoordinator(t, { ...world, env: { ...world.env, GRADIENT_WORKERS: unlike.address } });
  await other.client.ResumeRun({ runId: 'bandit' }, { deadlineMs });
  const { reason } = await until(other, 'bandit', 'RUN_STATE_PAUSED');
  assert.match(reason, /no gradient worker has answered .*it has threads 2 instead of 1, so its results may differ/);
  await other.stop();
  const last = await startCoordinator(t, world);
  await last.client.ResumeRun({ runId: 'bandit' }, { deadlineMs });
  assert.equal((await until(last, 'bandit', 'RUN_STATE_SUCCEEDED')).step, 3);
});
