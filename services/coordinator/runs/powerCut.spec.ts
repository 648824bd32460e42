// A power cut at any write: the run directory is copied at every write boundary of one step, and the run resumed from each copy
// must end in the bytes of an uninterrupted run. By default, only the first copy of each kind of write is tested; with
// POWER_CUT=every, all of them are.
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { observeFaultPoints, type FaultPointName } from '@gapo/faults';
import { isActive, type StepReport } from '@gapo/rpc';
import {
  deadlineMs,
  getRun,
  reportsOf,
  runYaml,
  startAll,
  startCoordinator,
  train,
  until,
} from '../fixtures/world.fixture.js';

/** A write that was about to happen. */
interface Boundary {
  readonly point: FaultPointName;
  readonly name: string;
  /** Whether the write belongs to the run's event log. */
  readonly ofEvents: boolean;
}

/** The step whose writes are cut: the first one that also removes a checkpoint. */
const cutStep = 3;

test('the run continues to the same bytes from a copy of its directory at every write boundary of a step', async (t) => {
  const { world, coordinator } = await startAll(t);
  const copies = join(world.directory, 'copies');
  const source = join(world.directory, 'runs', 'bandit');
  const boundaries: Boundary[] = [];
  let cutting = false;
  const stop = observeFaultPoints((point, path) => {
    if (!path.startsWith(source)) return;
    const checkpoint = Number(/step-(\d+)/.exec(path)?.[1]);
    if (checkpoint === cutStep) cutting = true;
    if (checkpoint > cutStep) cutting = false;
    if (!cutting) return;
    cpSync(source, join(copies, String(boundaries.length), 'bandit'), { recursive: true });
    boundaries.push({ point, name: basename(path), ofEvents: dirname(path) === join(source, 'events') });
  });
  t.after(stop);
  await mkdir(copies);
  // Critics have their own file, and so do the versions that later steps are sampled from.
  const config = runYaml({
    steps: 4,
    // Completions are written asynchronously, in no fixed order relative to the step's other writes.
    extra: 'ppo: { advantages: gae }\ncheckpoints: { every: 4, keep: 1 }\nsamples: off',
  }).replace('maxNewTokens: 6', 'maxNewTokens: 6, staleness: 1');
  const whole = await train(coordinator, world, config);
  stop();
  await coordinator.stop();
  const steps = whole.reports.map(numbers);

  const seen = (point: FaultPointName): string[] =>
    boundaries.filter((each) => each.point === point).map(({ name }) => name);
  const files = ['adapter_config.json', 'adapter_model.safetensors', 'earlier_versions.safetensors', 'optimizer.safetensors', 'state.json', 'value_heads.safetensors']; // prettier-ignore
  assert.deepEqual(seen('file.write').sort(), files);
  assert.deepEqual(seen('file.sync').sort(), files, 'every file is flushed');
  const order = boundaries.map(({ point, name }) => `${point} ${name}`);
  const renamed = order.indexOf('file.rename step-000003');
  assert.ok(renamed > order.findLastIndex((each) => each.startsWith('file.sync ')), 'before any gets its name');
  assert.equal(order[renamed + 1], 'file.syncFolder checkpoints');
  assert.ok(order.indexOf('file.append steps.jsonl') > renamed, 'the step is reported once its state is on disk');
  for (const each of ['file.remove step-000001', 'file.tear steps.jsonl', 'file.syncAppend steps.jsonl']) {
    assert.ok(order.includes(each), each);
  }

  const every = process.env['POWER_CUT'] === 'every';
  const kinds = new Set<FaultPointName>();
  for (const [copy, { point, ofEvents }] of boundaries.entries()) {
    if ((ofEvents || kinds.has(point)) && !every) continue;
    kinds.add(point);
    const boundary = order[copy];
    const again = await startCoordinator(t, { ...world, env: { ...world.env, DATA_DIR: join(copies, String(copy)) } });
    const { state, step, reason } = await getRun(again);
    assert.ok(step >= cutStep - 1, `${boundary}: at most one step is lost, found ${step}: ${reason}`);
    if (!isActive(state)) await again.client.ResumeRun({ runId: 'bandit' }, { deadlineMs });
    const ended = await until(again, 'bandit', 'RUN_STATE_SUCCEEDED');
    assert.equal(ended.versionSha256, whole.run.versionSha256, boundary);
    assert.deepEqual((await reportsOf(again, 'bandit')).map(numbers), steps, boundary);
    await again.stop();
  }
});

/** The part of a report that must not depend on interruptions. */
function numbers({ step, objectives, kl, updateNorm, tokens }: StepReport): unknown {
  return [step, objectives.map(({ rewardMean, weight }) => [rewardMean, weight]), kl, updateNorm, tokens];
}
