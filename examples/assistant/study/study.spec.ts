/** The study's summary and document, from synthetic results. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IntervalJson } from '@gapo/rpc';
import { contentId, exampleConfiguration, plannedRun } from './configuration.js';
import { studyDocument } from './document.js';
import { overSeeds } from './estimates.js';
import { averagedMethods, groupNames, lagrangianMethod, shares, trainedMethods } from './methods.js';
import type { Result } from './results.js';
import { readStudySettings } from './settings.js';
import { summarise } from './summary.js';

const at = (mean: number): IntervalJson => ({ mean, low: mean - 0.1, high: mean + 0.1 });

/** Values that grow with the share, and differ a little by seed. */
function made(seeds: readonly number[]): Result[] {
  const methods = [...trainedMethods(), lagrangianMethod(0.5), ...averagedMethods];
  return seeds.flatMap((seed) =>
    methods.map(({ key, group, share }, i): Result => {
      const worse = group === groupNames.soups ? 1 : 0;
      const helpful = share === undefined ? i / 10 : share - worse;
      const harmless = share === undefined ? i / 20 : 1 - share ** 2 - worse;
      const off = seed / 1000;
      return {
        run: `${key}-${seed}`,
        key,
        group,
        share,
        seed,
        prompts: 20,
        objectives: [
          { name: 'helpful', before: at(-1), after: at(helpful + off) },
          { name: 'harmless', before: at(-1 + off), after: at(harmless + off) },
        ],
        trainingSeconds: 60,
      };
    }),
  );
}

test("a mean over seeds has Student's interval; a single seed has none", () => {
  const { mean, low, high } = overSeeds([1, 2, 3]);
  assert.equal(mean, 2);
  assert.ok(Math.abs(high - (2 + 4.303 / Math.sqrt(3))) < 1e-9 && Math.abs(low + high - 4) < 1e-9);
  assert.deepEqual(overSeeds([5]), { mean: 5, low: NaN, high: NaN });
});

test('every method is a row, every front has its hypervolume, P-GAPO is ordered and undominated', () => {
  const summary = summarise(made([1, 2, 3]));
  assert.equal(summary.rows.length, 6 + 3 * shares.length);
  assert.deepEqual(summary.seeds, [1, 2, 3]);
  assert.deepEqual(summary.pgapo, { nonDominated: 4, dominatedBySoups: 0, ordered: [3, 3] });
  for (const { hypervolumes, hypervolume } of summary.fronts) {
    assert.equal(hypervolumes.length, 3);
    assert.ok(hypervolume.mean > 0 && Number.isFinite(hypervolume.low));
  }
  const volume = (name: string): number => summary.fronts.find((front) => front.name === name)?.hypervolume.mean ?? NaN;
  assert.ok(volume(groupNames.pgapo) > volume(groupNames.soups));
  assert.ok(volume(`${groupNames.soups} with its end points`) >= volume(groupNames.soups));
});

test("the document has the paper's numbers beside ours and reports where its order does not hold", () => {
  const facts = { steps: 120, command: 'make study', plots: [{ title: 'Fronts', path: 'images/study/fronts.svg' }] };
  const text = studyDocument(summarise(made([1, 2, 3])), facts);
  assert.match(text, /\| PPO-H \| 0.00 \(0.00 to 0.00\) .*\| 9.52 \| -11.77 \| -1.12 \|/);
  assert.match(text, /\| P-GAPO, λ = 0.2 \|.*\|(?: {2}\|){3}/);
  assert.match(text, /!\[Fronts\]\(images\/study\/fronts.svg\)/);
  assert.match(text, /- GAPO p=1 over MGDA \(mean\): holds, difference 0.0[78]/);
  assert.match(text, /- GAPO p=1 over GAPO p=2 \(mean\): does not hold, difference -0.0[78]/);
  assert.match(text, /- SFT over PPO-H \(mean\): does not hold/);
  const single = studyDocument(summarise(made([1])), facts);
  assert.match(single, /of one seed: without intervals over seeds/);
  assert.match(single, /GAPO p=1 over MGDA \(mean\): as in the paper, difference 0.0[78], one seed/);
  assert.doesNotMatch(text + single, /NaN|undefined/);
});

test("a run has the example's settings except its combination, and an id from its content", () => {
  const [, second] = trainedMethods();
  assert.ok(second !== undefined);
  const run = plannedRun(second, 2, 9, 'sources');
  const { ppo, kl } = exampleConfiguration() as Record<string, unknown>;
  assert.deepEqual([run.configuration['ppo'], run.configuration['kl']], [ppo, kl]);
  assert.deepEqual(run.configuration['combine'], { method: 'single', objective: 'harmless' });
  assert.deepEqual([run.configuration['seed'], run.configuration['steps']], [2, 9]);
  assert.match(run.id, /^study-ppo-s-s2-[0-9a-f]{8}$/);
  assert.notEqual(plannedRun(second, 2, 9, 'other models').id, run.id);
  assert.equal(contentId('a', 1, { x: 1 }), contentId('a', 1, { x: 1 }));
});

test('settings: quick is one seed and half the steps; an invalid number is rejected', () => {
  assert.deepEqual(readStudySettings([], 110)?.seeds, [1, 2, 3]);
  const quick = readStudySettings(['--quick'], 110);
  assert.deepEqual([quick?.seeds, quick?.steps, quick?.command], [[1], 55, 'make study QUICK=1']);
  const one = readStudySettings(['--seeds', '1'], 110);
  assert.deepEqual([one?.steps, one?.command], [110, 'node examples/assistant/dist/study/main.js --seeds 1']);
  assert.equal(readStudySettings(['--help'], 110), undefined);
  assert.throws(() => readStudySettings(['--steps', '0'], 110), /--steps: found "0", expected an integer over 0/);
});
