/** The study's summaries and document, from synthetic results. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at } from '@gapo/numeric';
import type { IntervalJson } from '@gapo/rpc';
import { contentId, exampleConfiguration, plannedRun } from './configuration.js';
import { studyDocument, type Study, type StudyFacts } from './document.js';
import { kendall, overSeeds } from './estimates.js';
import { loudnessOf } from './loudness.js';
import {
  averagedMethods,
  groupNames,
  lagrangianMethod,
  loudConditions,
  paperCondition,
  parts,
  shares,
  whitenedCondition,
  type Condition,
} from './methods.js';
import type { Result } from './results.js';
import { readStudySettings } from './settings.js';
import { summarise } from './summary.js';

const interval = (mean: number): IntervalJson => ({ mean, low: mean - 0.1, high: mean + 0.1 });

/** Values that grow with the share, and differ a little by seed. */
function made(seeds: readonly number[], condition: Condition = paperCondition): Result[] {
  const { methods } = at(parts.paper, 0);
  const all = [...methods, lagrangianMethod(0.5), ...averagedMethods];
  return seeds.flatMap((seed) =>
    all.map(({ key, group, share }, i): Result => {
      const worse = group === groupNames.soups ? 1 : 0;
      const helpful = share === undefined ? i / 10 : share - worse;
      const harmless = share === undefined ? i / 20 : 1 - share ** 2 - worse;
      const off = seed / 1000;
      return {
        run: `${key}-${seed}`,
        condition,
        key,
        group,
        share,
        seed,
        prompts: 20,
        objectives: [
          { name: 'helpful', before: interval(-1), after: interval(helpful + off) },
          { name: 'harmless', before: interval(-1 + off), after: interval(harmless + off) },
        ],
        trainingSeconds: 60,
      };
    }),
  );
}

/** Two methods: MGDA follows the loudness, P-GAPO does not. */
function loud(seeds: readonly number[]): Result[] {
  return loudConditions.flatMap((condition) =>
    made(seeds, condition)
      .filter(({ key }) => key === 'mgda' || key === 'pgapo-20')
      .map((result) => ({
        ...result,
        objectives: result.objectives.map(({ after, ...rest }) => ({
          ...rest,
          after: interval((after?.mean ?? NaN) + (result.key === 'mgda' ? Math.log10(condition.loudness) : 0)),
        })),
      })),
  );
}

function studyOf(seeds: readonly number[]): Study {
  return {
    paper: summarise(made(seeds)),
    loudness: loudnessOf(loud(seeds)),
    whitened: summarise(made(seeds, whitenedCondition)),
    trainingSeconds: 7200,
    seeds,
    prompts: 20,
  };
}

test("a mean over seeds has Student's interval; a single seed has none", () => {
  const { mean, low, high } = overSeeds([1, 2, 3]);
  assert.equal(mean, 2);
  assert.ok(Math.abs(high - (2 + 4.303 / Math.sqrt(3))) < 1e-9 && Math.abs(low + high - 4) < 1e-9);
  assert.deepEqual(overSeeds([5]), { mean: 5, low: NaN, high: NaN });
});

test("Kendall's τ counts pairs in order less pairs out of order, and ties as neither", () => {
  assert.equal(kendall([1, 2, 3], [10, 20, 30]), 1);
  assert.equal(kendall([1, 2, 3], [30, 20, 10]), -1);
  assert.equal(kendall([1, 2, 3], [10, 30, 20]), 1 / 3);
  assert.equal(kendall([1, 2], [5, 5]), 0);
});

test('every method is a row, every front has its hypervolume, P-GAPO is ordered and undominated', () => {
  const summary = summarise(made([1, 2, 3]));
  assert.equal(summary.rows.length, 6 + 3 * shares.length);
  assert.deepEqual(summary.seeds, [1, 2, 3]);
  assert.deepEqual(
    summary.steering.map(({ group, nonDominated, dominatedBySoups, tau }) => [
      group,
      nonDominated,
      dominatedBySoups,
      tau,
    ]),
    [
      [groupNames.pgapo, 4, 0, 1],
      [groupNames.morlhf, 4, 0, 1],
      [groupNames.soups, 4, undefined, 1],
    ],
  );
  for (const { hypervolumes, hypervolume } of summary.fronts) {
    assert.equal(hypervolumes.length, 3);
    assert.ok(hypervolume.mean > 0 && Number.isFinite(hypervolume.low));
  }
  const volume = (name: string): number => summary.fronts.find((front) => front.name === name)?.hypervolume.mean ?? NaN;
  assert.ok(volume(groupNames.pgapo) > volume(groupNames.soups));
  assert.ok(volume(`${groupNames.soups} with its end points`) >= volume(groupNames.soups));
});

test('a method moves by the change of its rewards, in deviations over the seeds where the reward is not loud', () => {
  const [mgda, pgapo] = loudnessOf(loud([1, 2, 3]));
  assert.deepEqual([mgda?.name, pgapo?.name], ['MGDA', 'P-GAPO, λ = 0.2']);
  assert.deepEqual(
    mgda?.rows.map(({ loudness, moved }) => [loudness, ...moved.map((x) => Math.round(x))]),
    [
      [0.1, -1000, -1000], // a change of 1, and a deviation of 0.001
      [1, 0, 0],
      [10, 1000, 1000],
      [100, 2000, 2000],
    ],
  );
  assert.equal(Math.round(mgda.farthest), 2000);
  assert.equal(pgapo?.farthest, 0);
  assert.ok(loudnessOf(loud([1])).every(({ farthest }) => Number.isNaN(farthest)));
});

test("the document has the paper's numbers beside ours and reports where its order does not hold", () => {
  const plots = { paper: [{ title: 'Fronts', path: 'images/study/paper-fronts.svg' }] };
  const facts: StudyFacts = { steps: 120, command: 'make study', plots };
  const text = studyDocument(studyOf([1, 2, 3]), facts);
  assert.match(text, /\| PPO-H \| 0.00 \(0.00 to 0.00\) .*\| 9.52 \| -11.77 \| -1.12 \|/);
  assert.match(text, /\| P-GAPO, λ = 0.2 \|.*\|(?: {2}\|){3}/);
  assert.match(text, /!\[Fronts\]\(images\/study\/paper-fronts.svg\)/);
  assert.match(text, /- GAPO p=1 over MGDA \(mean\): holds, difference 0.0[78]/);
  assert.match(text, /- GAPO p=1 over GAPO p=2 \(mean\): does not hold, difference -0.0[78]/);
  assert.match(text, /- SFT over PPO-H \(mean\): does not hold/);
  assert.match(text, /- P-GAPO: Kendall's τ of λ and the helpful reward 1.00; 4 of 4 policies are not dominated/);
  assert.match(text, /- P-GAPO, λ = 0.2 moves by at most 0.0 deviations.*\n- MGDA moves by at most 2000.0 deviations/);
  assert.match(text, /\| MGDA \| 100 \| 2.20 .*\| 2000.0 \| 2000.0 \|/);
  const single = studyDocument(studyOf([1]), facts);
  assert.match(single, /of one seed: without intervals over seeds/);
  assert.match(single, /GAPO p=1 over MGDA \(mean\): as in the paper, difference 0.0[78], one seed/);
  assert.match(single, /so how far a method moves cannot be told from chance/);
  const some = studyDocument({ ...studyOf([1]), paper: undefined, whitened: undefined }, facts);
  assert.doesNotMatch(some, /The paper's conditions|Whitened/);
  assert.doesNotMatch(text + single + some, /NaN|undefined/);
});

test("a run has the example's settings except its combination and its condition, and an id from its content", () => {
  const second = at(at(parts.paper, 0).methods, 1);
  const loudest = at(loudConditions, 3);
  const run = plannedRun(second, loudest, 2, 9, 'sources');
  const { ppo, kl } = exampleConfiguration() as Record<string, unknown>;
  assert.deepEqual(run.configuration['ppo'], { ...(ppo as object), normalizeAdvantages: false });
  assert.deepEqual(run.configuration['kl'], kl);
  assert.deepEqual(run.configuration['objectives'], [{ name: 'helpful', scale: 100 }, { name: 'harmless' }]);
  assert.deepEqual(run.configuration['combine'], { method: 'single', objective: 'harmless' });
  assert.deepEqual([run.configuration['seed'], run.configuration['steps']], [2, 9]);
  assert.match(run.id, /^study-ppo-s-s2-[0-9a-f]{8}$/);
  assert.notEqual(plannedRun(second, loudest, 2, 9, 'other models').id, run.id);
  assert.notEqual(plannedRun(second, whitenedCondition, 2, 9, 'sources').id, run.id);
  assert.equal(
    plannedRun(second, paperCondition, 2, 9, 'sources').id,
    plannedRun(second, at(loudConditions, 1), 2, 9, 'sources').id,
  );
  assert.equal(contentId('a', 1, { x: 1 }), contentId('a', 1, { x: 1 }));
});

test('settings: quick is one seed and half the steps; an invalid number and an unknown part are rejected', () => {
  assert.deepEqual(readStudySettings([], 110)?.seeds, [1, 2, 3, 4, 5]);
  const quick = readStudySettings(['--quick'], 110);
  assert.deepEqual([quick?.seeds, quick?.steps, quick?.command], [[1], 55, 'make study QUICK=1']);
  const one = readStudySettings(['--seeds', '1', '--parts', 'whitened,paper'], 110);
  assert.deepEqual([one?.steps, one?.parts], [110, ['paper', 'whitened']]);
  assert.equal(one?.command, 'node examples/assistant/dist/study/main.js --seeds 1 --parts whitened,paper');
  assert.equal(readStudySettings(['--help'], 110), undefined);
  assert.throws(() => readStudySettings(['--steps', '0'], 110), /--steps: found "0", expected an integer over 0/);
  assert.throws(
    () => readStudySettings(['--parts', 'paper,loud'], 110),
    /--parts: unknown part "loud", expected some of paper, loudness, whitened/,
  );
});
