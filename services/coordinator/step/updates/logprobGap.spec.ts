// How far the sampler's log-probabilities may be from the trainer's: the limits of the engine and of the
// configuration.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { at } from '@gapo/numeric';
import type { Run } from '@gapo/rpc';
import { createRun, runYaml, startAll, until } from '../../fixtures/world.fixture.js';

const vllm = { environment: { engine: 'vllm', engineVersion: '0.32.0' } };
const limits = (warn: number, pause: number): string =>
  runYaml({ steps: 2 }).replace(
    'maxNewTokens: 6',
    `maxNewTokens: 6, maxLogprobGap: { warn: ${warn}, pause: ${pause} }`,
  );

/**
 * Trains with a sampler that is off by a gap until the run ends or pauses. Returns the run and the warnings.
 */
async function trained(
  t: TestContext,
  logprobGap: number,
  { yaml = runYaml({ steps: 2 }), identity = {} }: { yaml?: string; identity?: typeof vllm | object } = {},
): Promise<{ run: Run; warnings: readonly string[] }> {
  const { world, coordinator } = await startAll(t, { sampler: { identity, logprobGap } });
  const warnings: string[] = [];
  coordinator.platform.log.warn = (_fields: unknown, text?: unknown) => void warnings.push(String(text));
  await createRun(coordinator, world, `${yaml}recovery: { resume: manual }\n`);
  return { run: await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED', 'RUN_STATE_PAUSED'), warnings };
}

test('another engine within the limits trains, and the run records it', async (t) => {
  const { run, warnings } = await trained(t, 0.01, { identity: vllm });
  assert.equal(run.state, 'RUN_STATE_SUCCEEDED', run.reason);
  assert.deepEqual(warnings, []);
  const state = JSON.parse(await readFile(join(run.checkpoint, 'state.json'), 'utf8')) as {
    workers: { rollout: { environment: unknown } };
  };
  assert.deepEqual(state.workers.rollout.environment, vllm.environment);
});

test('above the first limit each step is logged, with the engine', async (t) => {
  const { run, warnings } = await trained(t, 0.125, { identity: vllm });
  assert.equal(run.state, 'RUN_STATE_SUCCEEDED', run.reason);
  assert.equal(warnings.length, 2);
  assert.equal(
    at(warnings, 1),
    "run bandit: step 2: a token's log-probability at the rollout workers (engine vllm) is 0.125 from the trainer's, above " +
      'rollout.maxLogprobGap.warn of 0.05',
  );
});

test('above the second limit the run pauses before the policy changes', async (t) => {
  const { run } = await trained(t, 0.75, { identity: vllm });
  assert.deepEqual([run.state, run.step], ['RUN_STATE_PAUSED', 0]);
  assert.match(
    run.reason,
    /^step 1: a token's log-probability .* \(engine vllm\) is 0\.750 from the trainer's, above rollout\.maxLogprobGap\.pause of 0\.5; check that the sampler has the run's model/,
  );
});

test('the engine of this project has limits where the configuration names them', async (t) => {
  assert.equal((await trained(t, 0.75)).run.state, 'RUN_STATE_SUCCEEDED');
  const { run } = await trained(t, 0.75, { yaml: limits(0.1, 0.7) });
  assert.equal(run.state, 'RUN_STATE_PAUSED');
  assert.match(
    run.reason,
    /\(engine native\) is 0\.750 from the trainer's, above rollout\.maxLogprobGap\.pause of 0\.7/,
  );
});
