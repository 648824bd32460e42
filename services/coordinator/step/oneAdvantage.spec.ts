// Methods that train on one advantage, weightings, stages and the scale of rewards, on real services.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { at } from '@gapo/numeric';
import type { StepReport } from '@gapo/rpc';
import { runYaml, startAll, train } from '../fixtures/world.fixture.js';

type Trained = (id: string, extra: string, scales?: readonly [number, number], steps?: number) => Promise<StepReport[]>;

async function trainer(t: TestContext): Promise<Trained> {
  const { world, coordinator } = await startAll(t);
  return async (id, extra, [a, b] = [1, 1], steps = 3) => {
    const objectives = [`{ name: letters, scale: ${a} }`, `{ name: short, scale: ${b} }`];
    return [...(await train(coordinator, world, runYaml({ steps, objectives, extra }), id)).reports];
  };
}

const norms = (reports: readonly StepReport[]): number[] => reports.map(({ updateNorm }) => updateNorm);

function close(actual: readonly number[], expected: readonly number[], relative: number, what: string): void {
  expected.forEach((value, i) =>
    assert.ok(Math.abs(at(actual, i) / value - 1) <= relative, `${what}: ${at(actual, i)} is not ${value}`),
  );
}

const raw = 'ppo: { normalizeAdvantages: false }\nkl: { coefficient: 0 }';

test('MORLHF is the gradient of one advantage: without whitening the weighted gradients, with it another length', async (t) => {
  const trained = await trainer(t);
  const weights = 'weights: { letters: 1, short: 3 }';
  const linear = await trained('linear', `combine: { method: linear, ${weights} }\n${raw}`);
  const sum = await trained('sum', `combine: { method: morlhf, ${weights} }\n${raw}`);
  // RLOO is linear in the rewards and nothing is clipped in the first update of a batch.
  close(norms(sum), norms(linear), 1e-4, 'the norm of the update');
  const progress = (reports: StepReport[]): number[] =>
    reports.flatMap(({ objectives }) => objectives.map((o) => o.progress));
  close(progress(sum), progress(linear), 1e-3, 'progress');
  const whitened = await trained(
    'whitened',
    `combine: { method: morlhf, ${weights} }\nkl: { coefficient: 0 }`,
    [1, 1],
    1,
  );
  const { objectives, updateNorm } = at(whitened, 0);
  assert.ok(Math.abs(updateNorm / at(norms(sum), 0) - 1) > 0.05);
  // d = Σ w g in the units of the whitened sum: the progress adds up to ‖d‖².
  const squared = objectives.reduce((total, { weight, progress: slope }) => total + weight * slope, 0);
  assert.ok(Math.abs(Math.sqrt(squared) / updateNorm - 1) < 1e-3);
});

test('GAPO p = 1, P-GAPO and GDPO do not depend on how loud a reward is; MORLHF on raw rewards does', async (t) => {
  const trained = await trainer(t);
  const methods = {
    gapo: `combine: { method: gapo, p: 1 }\n${raw}`,
    pgapo: `combine: { method: pgapo, preference: { letters: 0.6, short: 0.4 } }\n${raw}`,
    gdpo: 'combine: { method: gdpo, weights: { letters: 0.6, short: 0.4 } }\nppo: { advantages: group }\nkl: { coefficient: 0 }',
    morlhf: `combine: { method: morlhf, weights: { letters: 0.6, short: 0.4 } }\n${raw}`,
  };
  for (const [method, extra] of Object.entries(methods)) {
    const quiet = await trained(`${method}-quiet`, extra);
    // A power of two, so every product is exact.
    const loud = await trained(`${method}-loud`, extra, [32, 1]);
    assert.equal(at(loud, 0).objectives[0]?.scale, 32);
    assert.equal(at(loud, 0).objectives[0]?.rewardMean, at(quiet, 0).objectives[0]?.rewardMean);
    if (method === 'morlhf') assert.ok(at(norms(loud), 0) > 5 * at(norms(quiet), 0));
    else close(norms(loud), norms(quiet), 1e-3, method);
  }
});

test('a louder or quieter reward leaves GAPO p = 1 and P-GAPO the same bytes', async (t) => {
  const { world, coordinator } = await startAll(t);
  const ended = async (combine: string, scale: number, id: string): Promise<string> => {
    const objectives = [`{ name: letters, scale: ${scale} }`, 'short'];
    const extra = `combine: ${combine}\nppo: { normalizeAdvantages: false }\nkl: { coefficient: 0.05, in: loss }`;
    return (await train(coordinator, world, runYaml({ steps: 3, objectives, extra }), id)).run.versionSha256;
  };
  const invariant = {
    gapo: '{ method: gapo, p: 1 }',
    pgapo: '{ method: pgapo, preference: { letters: 0.6, short: 0.4 } }',
  };
  for (const [name, combine] of Object.entries({ ...invariant, mgda: '{ method: mgda }' })) {
    const usual = await ended(combine, 1, `${name}-1`);
    // None of these scales is a power of two, so every product is rounded.
    for (const [i, scale] of [0.1, 10, 100].entries()) {
      const same = (await ended(combine, scale, `${name}-scaled-${i}`)) === usual;
      assert.equal(same, name !== 'mgda', `${name}, scale ${scale}`);
    }
  }
});

test('weightings change the weights, and are steered on from the preference', async (t) => {
  const trained = await trainer(t);
  const shares = (reports: StepReport[]): number[] => reports.map(({ objectives }) => at(objectives, 0).alpha);
  const extras = {
    saw: 'combine: { method: gdpo, weights: { letters: 1, short: 1 } }\nppo: { advantages: group }\nweighting: { method: saw, offsets: { letters: 0, short: 10 } }',
    'sa-mrpo':
      'combine: { method: pgapo, preference: { letters: 1, short: 1 } }\nweighting: { method: sa-mrpo, ranges: { letters: [0, 6], short: [-1, 0] } }',
    dynamic: 'combine: { method: linear, weights: { letters: 1, short: 1 } }\nweighting: { method: dynamic, rate: 20 }',
  };
  for (const [method, extra] of Object.entries(extras)) {
    const given = shares(await trained(`by-${method}`, extra));
    t.diagnostic(`${method}: ${given.map((share) => share.toFixed(3)).join(', ')}`);
    assert.ok(given.every((share) => share > 0 && share < 1));
    assert.ok(
      given.some((share) => Math.abs(share - 0.5) > 1e-3),
      method,
    );
  }
});

test('stages and per-prompt constraints train', async (t) => {
  const trained = await trainer(t);
  const extras = {
    dvao: 'combine: { method: gapo }\nppo: { advantages: group, dvao: true }',
    gd2po:
      'combine: { method: gdpo, weights: { letters: 1, short: 1 } }\nppo: { advantages: group, gd2po: { threshold: 0.2 } }',
    common: 'combine: { method: gapo, p: 0 }\nppo: { normalizeAdvantages: common }',
    repo: 'combine: { method: lagrangian }\nlagrangian: { objective: letters, constraints: { short: { limit: 0.3, per: prompt, learningRate: 0.5 } } }',
  };
  for (const [name, extra] of Object.entries(extras)) {
    const reports = await trained(`stage-${name}`, extra);
    assert.ok(
      norms(reports).every((norm) => norm > 0),
      name,
    );
    if (name !== 'repo') continue;
    const [first, , last] = reports.map(({ objectives }) => objectives[1]?.multiplier);
    assert.ok(first !== undefined && last !== undefined && last > first);
  }
});
