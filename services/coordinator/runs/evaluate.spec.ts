// Evaluations: what they compare, that they are deterministic, and that they work for runs from an earlier
// process.
import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { at, required } from '@gapo/numeric';
import { RpcError, type EvaluationReport, type Interval } from '@gapo/rpc';
import {
  createRun,
  deadlineMs,
  getRun,
  rewardOf,
  runYaml,
  startAll,
  startCoordinator,
  until,
  type TestCoordinator,
} from '../fixtures/world.fixture.js';

const config = runYaml({
  steps: 16,
  extra:
    'combine: { method: single, objective: letters }\ncheckpoints: { every: 8, keep: 9 }\nevaluation: { samplesPerPrompt: 2, seed: 5 }',
});

async function evaluate(
  { client }: TestCoordinator,
  version?: number,
): Promise<{ report: EvaluationReport; phases: Set<string> }> {
  const phases = new Set<string>();
  let report: EvaluationReport | undefined;
  const request = { runId: 'bandit', samples: 3, ...(version !== undefined && { version }) };
  for await (const message of client.EvaluateRun(request, { deadlineMs })) {
    if (message.progress) phases.add(message.progress.phase);
    if (message.report) report = message.report;
  }
  return { report: required(report, 'the report'), phases };
}

type Objective = EvaluationReport['objectives'][number];

/** Returns a confidence interval of an objective. */
function interval(
  objective: Objective,
  which: 'before' | 'after' | 'difference' | 'winRate' | 'acceptableBefore' | 'acceptableAfter',
): Interval {
  return required(objective[which], which);
}

test('an evaluation compares the initial policy with a version for each objective, and is deterministic', async (t) => {
  const { world, coordinator: first } = await startAll(t);
  await createRun(first, world, config);
  await until(first, 'bandit', 'RUN_STATE_SUCCEEDED');
  const { report, phases } = await evaluate(first);
  assert.deepEqual([...phases], ['sampling', 'rewards']);
  assert.deepEqual([report.version, report.prompts], [16, 12]);
  const { reports } = await first.client.ListEvaluations({ runId: 'bandit' }, { deadlineMs });
  assert.deepEqual(reports, [{ ...report, samples: [] }], 'the result is kept');
  const [letters, short] = [at(report.objectives, 0), at(report.objectives, 1)];
  assert.equal(letters.name, 'letters');
  const [before, after] = [interval(letters, 'before'), interval(letters, 'after')];
  const [difference, winRate] = [interval(letters, 'difference'), interval(letters, 'winRate')];
  t.diagnostic(JSON.stringify({ before, after, difference, winRate }));
  assert.ok(before.low <= before.mean && before.mean <= before.high);
  assert.ok(after.low > before.high, 'the trained objective rises beyond its interval');
  assert.ok(Math.abs(difference.mean - (after.mean - before.mean)) < 1e-12);
  assert.ok(winRate.mean > 0.7 && winRate.low > 0.5);
  const acceptable = interval(letters, 'acceptableAfter').mean;
  assert.ok(acceptable > interval(letters, 'acceptableBefore').mean && acceptable <= 1);
  assert.ok(interval(short, 'after').mean < interval(short, 'before').mean, 'the other objective falls');
  assert.ok(report.lengthAfter > report.lengthBefore);
  assert.equal(report.samples.length, 3);
  for (const { prompt, after: text, scoresAfter } of report.samples) {
    assert.match(prompt, /^[a-e]+$/);
    assert.equal(scoresAfter[0], text.split('a').length - 1);
    assert.equal(scoresAfter.length, 2);
  }
  await first.stop();

  const second = await startCoordinator(t, world);
  assert.deepEqual((await evaluate(second)).report, report, 'a run of an earlier process');
  const earlier = await evaluate(second, 8);
  assert.equal(earlier.report.version, 8);
  const [earlierLetters] = earlier.report.objectives;
  assert.ok(earlierLetters);
  assert.deepEqual(earlierLetters.before, before);
  assert.ok(interval(earlierLetters, 'after').mean < after.mean, 'a version from a checkpoint');
  const same = (await evaluate(second, 0)).report;
  assert.deepEqual([same.winRate?.mean, same.objectives[0]?.difference?.mean], [0.5, 0]);
});

test('a version that no longer exists and a run without held-out prompts are refused', async (t) => {
  const { world, coordinator } = await startAll(t);
  await createRun(coordinator, world, runYaml({ steps: 6, extra: 'checkpoints: { every: 1, keep: 1 }' }));
  await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
  await assert.rejects(
    evaluate(coordinator, 2),
    (error) =>
      error instanceof RpcError &&
      error.code === 'NOT_FOUND' &&
      /has no version 2; it has 0, 4, 5, 6$/.test(error.details),
  );
  await createRun(coordinator, world, runYaml({ steps: 1 }).replace(', heldOut: heldout.jsonl', ''), 'blind');
  await until(coordinator, 'blind', 'RUN_STATE_SUCCEEDED');
  const { client } = coordinator;
  await assert.rejects(async () => {
    for await (const { report } of client.EvaluateRun({ runId: 'blind' }, { deadlineMs }))
      assert.equal(report, undefined);
  }, /has no held-out prompts: data\.heldOut names none/);
});

test('a reward service that fails ends the evaluation with the reason, and the run keeps its state', async (t) => {
  const { world, coordinator } = await startAll(t);
  await createRun(coordinator, world, runYaml({ steps: 1 }));
  await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
  rewardOf(world, 'short').answer = () => ({ results: [] });
  await assert.rejects(
    evaluate(coordinator),
    /objective short at .* has no score for 24 of 24 completions of the evaluation/,
  );
  assert.equal((await getRun(coordinator)).state, 'RUN_STATE_SUCCEEDED');
});

test('if no prompt is left after dropping, the error names the objective and its service’s error', async (t) => {
  const { world, coordinator } = await startAll(t);
  await createRun(
    coordinator,
    world,
    runYaml({ steps: 1, objectives: ['letters', '{ name: short, onFailure: drop }'] }),
  );
  await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
  rewardOf(world, 'short').answer = ({ items }) => ({
    results: items.map(({ id }) => ({ id, error: { message: 'no reference' } })),
  });
  await assert.rejects(
    evaluate(coordinator),
    /no held-out prompt has a score from every objective: objective short at \S+ has no score for 24 of 24 .* \(.*: no reference\); fix/,
  );
});

test('the error for results that cannot be read names them and says what to do', async (t) => {
  const { world, coordinator } = await startAll(t);
  await createRun(coordinator, world, runYaml({ steps: 1 }));
  await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
  const folder = join(world.directory, 'runs', 'bandit', 'evaluations');
  const refused = (details: RegExp) =>
    assert.rejects(coordinator.client.ListEvaluations({ runId: 'bandit' }, { deadlineMs }), (error) => {
      assert.ok(error instanceof RpcError && error.code === 'FAILED_PRECONDITION', String(error));
      assert.match(error.details, details);
      return true;
    });
  await mkdir(folder);
  await writeFile(join(folder, '1.json'), '{"version": ');
  await refused(/evaluations\/1\.json is not an evaluation result: remove it, and evaluate the version again$/);
  await rm(folder, { recursive: true });
  await writeFile(folder, '');
  await refused(/evaluations cannot be read: ENOTDIR/);
});

test('beyond 64 evaluations at a time, the next is refused', async (t) => {
  const { world, coordinator } = await startAll(t);
  await createRun(coordinator, world, runYaml({ steps: 1 }));
  await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
  // No evaluation ends before the test does.
  rewardOf(world, 'short').answer = (_, signal) => new Promise((_, reject) => signal.addEventListener('abort', reject));
  const leaving = new AbortController();
  const { client } = coordinator;
  const begun = Array.from({ length: 64 }, async () => {
    for await (const { report } of client.EvaluateRun({ runId: 'bandit' }, { deadlineMs, signal: leaving.signal }))
      assert.equal(report, undefined);
  });
  // On the same connection, so that it comes after them.
  await assert.rejects(
    client.GenerateCompletions({ runId: 'bandit', prompts: ['a'] }, { deadlineMs }),
    (error) =>
      error instanceof RpcError &&
      error.code === 'RESOURCE_EXHAUSTED' &&
      /^64 evaluations and generations are running or queued/.test(error.details),
  );
  leaving.abort();
  const ends = await Promise.allSettled(begun);
  assert.ok(ends.every(({ status }) => status === 'rejected'));
});
