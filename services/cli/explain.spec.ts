// `explain`, against a stub of the coordinator.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObjectiveReportInput } from '@gapo/rpc';
import { gapo, someRun, trainingService } from './cli.fixture.js';

/** Gradients (1, 0) and (-1, 1) · √2, and the weights of the update. */
function objectives(helpful: number, harmless: number): ObjectiveReportInput[] {
  return [
    { name: 'helpful', weight: helpful, gradientNorm: 1, cosines: { harmless: -Math.SQRT1_2 } },
    { name: 'harmless', weight: harmless, gradientNorm: 2 },
  ];
}

test('explain shows which objectives gained, which were hurt, and whether that was unavoidable', async (t) => {
  const coordinator = await trainingService(t, {
    GetRun: async () => ({
      run: someRun('a', 'RUN_STATE_SUCCEEDED', 2, { objectives: ['helpful', 'harmless'], method: 'linear' }),
    }),
    WatchRun: async function* ({ afterStep }) {
      if (afterStep < 1) yield { step: { step: 1, objectives: objectives(0.2, 0.8) } };
      yield { step: { step: 2, objectives: objectives(0.7, 0.3), weightsAge: 1 } };
    },
  });
  const env = { GAPO_COORDINATOR: coordinator };
  const first = await gapo(t, ['explain', 'a', '1'], env);
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /^a, step 1: linear$/m);
  assert.match(first.stdout, /^helpful +-0\.931 +-0\.636 +hurt$/m);
  assert.match(first.stdout, /^harmless +\+2\.92 +0\.995 +gained$/m);
  assert.match(
    first.stdout,
    /^helpful -0\.64, harmless \+1\.00, helpful hurt though a direction improves all; residual /m,
  );
  assert.match(first.stdout, /with a cosine of at least 0\.383 to each gradient/);
  const last = await gapo(t, ['explain', 'a', '--json'], env);
  const {
    step,
    weightsAge,
    objectives: effects,
    commonAscent,
    residual,
  } = JSON.parse(last.stdout) as Record<string, unknown>;
  assert.deepEqual([step, weightsAge, commonAscent], [2, 1, true]);
  assert.deepEqual(Object.keys(JSON.parse(last.stdout) as object), [
    ...['run', 'step', 'method', 'weightsAge'],
    ...['objectives', 'norm', 'commonAscent', 'margin', 'residual'],
  ]);
  assert.ok((residual as number) <= 1e-10);
  assert.deepEqual(
    (effects as { effect: string }[]).map(({ effect }) => effect),
    ['gained', 'gained'],
  );
  const missing = await gapo(t, ['explain', 'a', '3'], env);
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /run a has no report of step 3: it has taken 2 of 3 steps/);
});

test('a report without cosines is refused by name', async (t) => {
  const coordinator = await trainingService(t, {
    GetRun: async () => ({ run: someRun('a', 'RUN_STATE_SUCCEEDED', 1) }),
    WatchRun: async function* () {
      yield { step: { step: 1, objectives: objectives(1, 1).map((each) => ({ ...each, cosines: {} })) } };
    },
  });
  const { code, stderr } = await gapo(t, ['explain', 'a'], { GAPO_COORDINATOR: coordinator });
  assert.equal(code, 2);
  assert.match(stderr, /the report of step 1 of run a has no gradient cosines, like those of earlier releases/);
});
