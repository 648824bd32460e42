/** The study's summaries and document, from synthetic results. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { at, required } from '@gapo/numeric';
import type { EvaluationReportJson, IntervalJson } from '@gapo/rpc';
import { temporaryDirectory } from '@gapo/service/testing';
import { contentId, exampleConfiguration, plannedRun, promptsOf, sourcesSha256 } from './configuration.js';
import { courseOf, sameSteps, type Course } from './course.js';
import { studyDocument, type Study, type StudyFacts } from './document.js';
import { overSeeds } from './estimates.js';
import { fourSummary } from './four.js';
import {
  averagedMethods,
  fourCondition,
  fourObjectives,
  groupNames,
  lagrangianMethod,
  loudConditions,
  paperCondition,
  parts,
  poorConditions,
  shares,
  whitenedCondition,
  type Condition,
} from './methods.js';
import { movesOf } from './moves.js';
import { poorDocument } from './movesDocument.js';
import { overRefusalOf, readKinds } from './overRefusal.js';
import { ResultFile, type Result } from './results.js';
import { readStudySettings } from './settings.js';
import { summarise } from './summary.js';
import { trainAll } from './train.js';

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
        overRefusal: { prompts: 8, before: 0.25, after: i / 100 + off },
        course: {
          gradientRatio: 0.5 + off,
          rewards: [
            [0, 0],
            [condition.helpful.scale ?? 1, off],
          ],
        },
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
          after: interval(
            (after?.mean ?? NaN) + (result.key === 'mgda' ? Math.log10(condition.helpful.scale ?? 1) : 0),
          ),
        })),
      })),
  );
}

/** Two methods with four objectives, of which P-GAPO loses one in the first seed. */
function four(seeds: readonly number[]): Result[] {
  const methods = at(parts.four, 0).methods.filter(({ key }) => key === 'mgda' || key === 'pgapo-even');
  return seeds.flatMap((seed) =>
    methods.map(({ key, group, share }): Result => {
      const least = key === 'mgda' ? 0.2 : seed === 1 ? -0.4 : 1;
      const objectives = fourObjectives.map((name, k) => {
        return { name, before: interval(k), after: interval(k + (k === 2 ? least : 9)), deviationBefore: 2 };
      });
      const overRefusal = { prompts: 8, before: 0.25, after: key === 'mgda' ? 0.5 : 0 };
      const evaluated = { run: `${key}-${seed}`, prompts: 20, objectives, overRefusal, trainingSeconds: 60 };
      return { ...evaluated, condition: fourCondition, key, group, share, seed };
    }),
  );
}

function studyOf(seeds: readonly number[]): Study {
  return {
    paper: summarise(made(seeds)),
    loudness: movesOf(loud(seeds)),
    whitened: summarise(made(seeds, whitenedCondition)),
    four: fourSummary(four(seeds)),
    trainingSeconds: 7200,
    seeds,
    prompts: 20,
    soundingPrompts: 8,
  };
}

test("a mean over seeds has Student's interval; a single seed has none", () => {
  const { mean, low, high } = overSeeds([1, 2, 3]);
  assert.equal(mean, 2);
  assert.ok(Math.abs(high - (2 + 4.303 / Math.sqrt(3))) < 1e-9 && Math.abs(low + high - 4) < 1e-9);
  assert.deepEqual(overSeeds([5]), { mean: 5, low: NaN, high: NaN });
});

test("a run's course has its gradients' lengths and its rewards, by which runs are the same up to a step", async (t) => {
  const folder = await temporaryDirectory(t);
  const path = join(folder, 'steps.jsonl');
  const step = (reward: number, norm: number): string => {
    const objectives = [
      { name: 'helpful', rewardMean: reward, gradientNorm: norm },
      { name: 'harmless', rewardMean: -reward, gradientNorm: 2 },
    ];
    return `${JSON.stringify({ objectives })}\n`;
  };
  const read = (...steps: string[]): Course => {
    writeFileSync(path, steps.join(''));
    return required(courseOf(path), 'the course');
  };
  const first = read(step(1, 1), step(2, 4), step(3, 2));
  assert.ok(Math.abs(required(first.gradientRatio, 'the ratio') - 1) < 1e-12);
  assert.deepEqual(first.rewards[1], [2, -2]);
  assert.equal(sameSteps(first, read(step(1, 9), step(2, 9), step(3, 9))), 3);
  assert.equal(sameSteps(first, read(step(1, 1), step(2.5, 4), step(3, 2))), 1);
  assert.equal(sameSteps(first, read(step(1, 1))), 1, 'the other run has fewer steps');
  assert.equal(read(step(1, 0)).gradientRatio, undefined);
  assert.equal(courseOf(join(folder, 'gone.jsonl')), undefined);
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
  const [mgda, pgapo] = movesOf(loud([1, 2, 3]));
  assert.deepEqual([mgda?.name, pgapo?.name], ['MGDA', 'P-GAPO, λ = 0.2']);
  assert.deepEqual(
    mgda?.rows.map(({ label, moved }) => [label, ...moved.map((x) => Math.round(x))]),
    [
      ['0.1', -1000, -1000], // a change of 1, and a deviation of 0.001
      ['1', 0, 0],
      ['10', 1000, 1000],
      ['100', 2000, 2000],
    ],
  );
  assert.deepEqual(
    mgda.rows.map(({ gained, meanGained }) => [...gained, meanGained].map(({ mean }) => Number(mean.toFixed(9)))),
    [-1, 0, 1, 2].map((change) => [change, change, change]),
  );
  assert.equal(Math.round(mgda.farthest), 2000);
  assert.equal(pgapo?.farthest, 0);
  assert.ok(movesOf(loud([1])).every(({ farthest }) => Number.isNaN(farthest)));
});

test('the smallest gain is in deviations of the starting policy, and a loss of one objective in a seed is counted', () => {
  const { start, methods, seeds } = fourSummary(four([1, 2, 3]));
  assert.deepEqual([seeds, start.rewards.map(({ mean }) => mean), start.overRefusal?.mean], [3, [0, 1, 2, 3], 0.25]);
  assert.deepEqual(
    methods.map(({ name, smallestGain, allGained, overRefusal }) => [
      name,
      Number(smallestGain.mean.toFixed(12)),
      allGained,
      overRefusal?.mean,
    ]),
    [
      ['MGDA', 0.1, 3, 0.5],
      ['P-GAPO', 0.266666666667, 2, 0],
    ],
  );
  const [first, ...others] = four([1, 2]);
  const unknown = { ...first, objectives: first?.objectives.map(({ deviationBefore: _, ...rest }) => rest) } as Result;
  assert.throws(() => fourSummary([unknown, ...others]), /mgda-1 has no deviation for helpful/);
});

test('over-refusal is the share of refusals of requests that only sound dangerous', () => {
  const kinds = readKinds(exampleConfiguration('run.yaml').data.heldOut);
  assert.equal(kinds.size, 256);
  const prompts = [...kinds.keys()];
  const refusing = 'I must say no to that.';
  const samples = prompts.map((prompt) => {
    const after = kinds.get(prompt) === 'sounding' ? 'Sure. Press Stop.' : refusing;
    return { prompt, before: refusing, after, scoresBefore: [], scoresAfter: [] };
  });
  const sounding = [...kinds.values()].filter((kind) => kind === 'sounding').length;
  assert.ok(sounding > 0);
  assert.deepEqual(overRefusalOf(samples, kinds), { prompts: sounding, before: 1, after: 0 });
  assert.throws(() => overRefusalOf([], kinds), /no evaluated prompt is of the kind "sounding"/);
  assert.throws(() => overRefusalOf([{ ...at(samples, 0), prompt: 'Who?' }], kinds), /prompt "Who\?" is unknown/);
});

test('results of earlier releases are evaluated again for over-refusal, or shown as not measured if the run is gone', async (t) => {
  const data = await temporaryDirectory(t);
  const settings = readStudySettings(['--seeds', '1', '--parts', 'four', '--data', data], 9);
  assert.ok(settings);
  const results = new ResultFile(data);
  const planned = at(parts.four, 0).methods.map(
    (method) => plannedRun(method, fourCondition, 1, 9, sourcesSha256('four.yaml')).id,
  );
  const objectives = ['helpful', 'harmless'].map((name) => ({ name, before: interval(0), after: interval(1) }));
  for (const run of planned) results.add({ run, prompts: 2, objectives, trainingSeconds: 7 });
  const [gone, ...present] = planned;
  const kinds = new Map([
    ['Kill it?', 'sounding' as const],
    ['Open it?', 'benign' as const],
  ]);
  const samples = [...kinds.keys()].map((prompt, i) => {
    return { prompt, before: 'Sorry, I will not help.', after: 'Sure.', scoresBefore: [i, 3 * i], scoresAfter: [2, 2] };
  });
  const calls: string[] = [];
  const report = (runId: string): Partial<EvaluationReportJson> => ({ runId, prompts: 2, objectives, samples });
  const call = (args: readonly string[]): Promise<unknown> => {
    calls.push(args.join(' '));
    return Promise.resolve(args[0] === 'runs' ? present.map((id) => ({ id })) : report(args[1] ?? ''));
  };
  const signal = new AbortController().signal;
  const train = () =>
    trainAll({ settings, services: { call }, results: new ResultFile(data), kinds, say: () => undefined, signal });
  const found = await train();
  assert.deepEqual(
    found.map(({ run, overRefusal, trainingSeconds }) => [
      run,
      overRefusal?.before,
      overRefusal?.after,
      trainingSeconds,
    ]),
    planned.map((run) => [run, ...(run === gone ? [undefined, undefined] : [1, 0]), 7]),
  );
  assert.deepEqual(
    calls.filter((each) => each !== 'runs'),
    present.map((run) => `eval ${run} --samples 2`),
  );
  assert.deepEqual(
    found.at(-1)?.objectives.map(({ deviationBefore }) => deviationBefore),
    [Math.sqrt(0.5), Math.sqrt(4.5)],
  );
  calls.length = 0;
  await train();
  assert.deepEqual(calls, ['runs'], 'what was evaluated again is kept');
});

test("the document has the paper's numbers beside ours and reports where its order does not hold", () => {
  const plots = { paper: [{ title: 'Fronts', path: 'images/study/paper-fronts.svg' }] };
  const facts: StudyFacts = { steps: 120, command: 'make study', plots };
  const text = studyDocument(studyOf([1, 2, 3]), facts);
  assert.match(text, /\| PPO-H \| 0.00 \(0.00 to 0.00\) .*\| 0 % \(0 to 0\) \| 9.52 \| -11.77 \| -1.12 \|/);
  assert.match(text, /\| SFT \| .*\| 25 % \(25 to 25\) \| 2.33 \| 1.78 \|/);
  assert.match(text, /\| P-GAPO, λ = 0.2 \|.*\|(?: {2}\|){3}/);
  assert.match(text, /!\[Fronts\]\(images\/study\/paper-fronts.svg\)/);
  assert.match(text, /\| GAPO p=1 over MGDA \(mean\) \| holds \| 0.0[78]/);
  assert.match(text, /\| GAPO p=1 over GAPO p=2 \(mean\) \| does not hold \| -0.0[78]/);
  assert.match(text, /\| SFT over PPO-H \(mean\) \| does not hold/);
  assert.match(text, /- Under MGDA the gradient of `helpful` is 0.50 \(0.50 to 0.50\) times as long/);
  assert.match(text, /- P-GAPO: Kendall's τ of λ and the helpful reward is 1.00; 4 of 4 policies are Pareto optimal/);
  assert.match(
    text,
    /- P-GAPO, λ = 0.2 moves by at most 0.0 deviations.*\n- MGDA moves by at most 2000.0 deviations over seeds; same completions for the first 1 step\./,
  );
  assert.match(text, /\| MGDA \| 100 \| 2.20 .*\| 2000.0 \| 2000.0 \| 1, 1, 1 \| 2 % \(2 to 2\) \|/);
  assert.match(text, /\| P-GAPO \| 9.00 .*\| 12.00 \(12.00 to 12.00\) \| 0.27 .*\| 2 of 3 \| 0 % \(0 to 0\) \|/);
  assert.match(
    text,
    /- MGDA: every objective gained in 3 of 3 seeds; smallest gain 0.10 .*over-refusal 50 % .*of SFT 25 %/,
  );
  const single = studyDocument(studyOf([1]), facts);
  assert.match(single, /of one seed: without intervals over seeds/);
  assert.match(single, /\| GAPO p=1 over MGDA \(mean\) \| same order, one seed \| 0.0[78]/);
  assert.match(single, /so how far a method moves cannot be told from chance/);
  const some = studyDocument({ ...studyOf([1]), paper: undefined, whitened: undefined, four: undefined }, facts);
  assert.doesNotMatch(some, /The paper's conditions|Whitened advantages|Four objectives/);
  const unmeasured = made([1, 2]).map(({ overRefusal: _, ...rest }): Result => rest);
  assert.match(
    studyDocument({ ...studyOf([1]), paper: summarise(unmeasured) }, facts),
    /\| MGDA \| .*\| not measured \|/,
  );
  assert.doesNotMatch(text + single + some, /NaN|undefined/);
});

test("a run has the example's settings except its combination and its condition, and an id from its content", () => {
  const second = at(at(parts.paper, 0).methods, 1);
  const loudest = at(loudConditions, 3);
  const run = plannedRun(second, loudest, 2, 9, 'sources');
  const { ppo, kl } = exampleConfiguration('run.yaml') as unknown as Record<string, object>;
  assert.deepEqual(run.configuration['ppo'], { ...ppo, normalizeAdvantages: false });
  assert.deepEqual(run.configuration['kl'], { ...kl, in: 'loss' });
  assert.deepEqual(run.configuration['objectives'], [{ name: 'helpful', scale: 100 }, { name: 'harmless' }]);
  assert.deepEqual(run.configuration['combine'], { method: 'single', objective: 'harmless' });
  assert.deepEqual([run.configuration['seed'], run.configuration['steps']], [2, 9]);
  assert.match(run.id, /^study-ppo-s-s2-[0-9a-f]{8}$/);
  assert.notEqual(plannedRun(second, loudest, 2, 9, 'other models').id, run.id);
  assert.notEqual(plannedRun(second, whitenedCondition, 2, 9, 'sources').id, run.id);
  const { configuration } = plannedRun(second, paperCondition, 2, 9, 'sources');
  assert.deepEqual(
    configuration['kl'],
    kl,
    "as in the example: the paper's conditions have the divergence in the reward",
  );
  assert.equal(contentId('a', 1, { x: 1 }), contentId('a', 1, { x: 1 }));
});

test('a condition changes what training makes of a reward, or the kind of its prompts, and nothing else', async (t) => {
  const [plain, noisy, sparse, conflict] = poorConditions.map((condition) => {
    return plannedRun(at(at(parts.poor, 0).methods, 0), condition, 1, 9, 'sources');
  });
  const helpful = (run: typeof plain): unknown => (run?.configuration['objectives'] as unknown[] | undefined)?.[0];
  assert.deepEqual([plain, noisy, sparse, conflict].map(helpful), [
    { name: 'helpful' },
    { name: 'helpful', noise: 3 },
    { name: 'helpful', threshold: 0.3 },
    { name: 'helpful' },
  ]);
  assert.equal(new Set([plain, noisy, sparse, conflict].map((run) => run?.id)).size, 4);
  const folder = join(await temporaryDirectory(t), 'new');
  assert.deepEqual(promptsOf(at(poorConditions, 0), folder), {});
  const { data } = promptsOf(at(poorConditions, 3), folder) as { data: { prompts: string; heldOut: string } };
  assert.deepEqual(data, { ...exampleConfiguration('run.yaml').data, prompts: data.prompts });
  const kinds = [...readKinds(data.prompts).values()];
  assert.ok(kinds.length > 100 && kinds.every((kind) => kind === 'dangerous'));
});

test('the page on poor rewards has the change from good rewards by fault, the least loss first', () => {
  const poor = (seeds: readonly number[]): Result[] =>
    poorConditions.flatMap((condition, i) =>
      made(seeds, condition)
        .filter(({ key }) => key === 'mgda' || key === 'gapo-1')
        .map((result) => ({
          ...result,
          objectives: result.objectives.map(({ after, ...rest }, k) => {
            const lost = k === 0 ? i * (result.key === 'mgda' ? 0.2 : 0.1) : 0;
            return { ...rest, after: interval((after?.mean ?? NaN) - lost) };
          }),
        })),
    );
  const scope = { trainingSeconds: 7200, prompts: 20, soundingPrompts: 8 };
  const pageOf = (...seeds: number[]): string =>
    poorDocument({ methods: movesOf(poor(seeds)), seeds, ...scope }, { steps: 9, command: 'make study' });
  const text = pageOf(1, 2, 3);
  assert.match(
    text,
    /- noise: the mean of both rewards changes by -0\.05 \(-0\.05 to -0\.05\) with GAPO p=1, -0\.10 \(-0\.10 to -0\.10\) with MGDA\./,
  );
  assert.match(text, /\| MGDA \| none \| [^|]+ \| [^|]+ \| {2}\| {2}\| {2}\| 2 % /);
  assert.match(text, /\| MGDA \| conflict \| .*\| -0\.60 \(.*\) \| 0\.00 \(.*\) \| -0\.30 \(.*\) \| 2 % /);
  assert.match(pageOf(1), /of one seed: without intervals over seeds/);
  assert.doesNotMatch(text + pageOf(1), /NaN|undefined/);
});

test('four.yaml has the objectives of the study, and otherwise the settings of run.yaml', () => {
  const { name: _name, objectives, combine: _combine, ...settings } = exampleConfiguration('four.yaml');
  assert.deepEqual(
    objectives.map(({ name }) => name),
    fourObjectives,
  );
  const { name: _other, objectives: _two, combine: _gapo, ...others } = exampleConfiguration('run.yaml');
  assert.deepEqual(settings, others);
  const method = at(at(parts.four, 0).methods, 3);
  const { configuration } = plannedRun(method, fourCondition, 1, 9, 'sources');
  assert.deepEqual(configuration['objectives'], objectives);
  assert.deepEqual(configuration['combine'], {
    method: 'morlhf',
    weights: { helpful: 0.25, harmless: 0.25, brief: 0.25, polite: 0.25 },
  });
  assert.notEqual(sourcesSha256('four.yaml'), sourcesSha256('run.yaml'));
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
    /--parts: unknown part "loud", expected some of paper, loudness, whitened, four, poor/,
  );
});
