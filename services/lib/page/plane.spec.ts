// The plane of two objectives.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toJson, type EvaluationReportInput, type RunInput } from '@gapo/rpc';
import { planeOf, type EvaluatedRun } from './plane.js';

const interval = (mean: number) => ({ mean, low: mean - 1, high: mean + 1 });

function evaluated(
  id: string,
  versions: Readonly<Record<number, readonly number[]>>,
  more: RunInput = {},
): EvaluatedRun {
  const heldOut = { key: 'heldOut', file: 'heldout.jsonl', sha256: 'a'.repeat(64) };
  const run = toJson('gapo.training.v1.Run', { id, method: 'pgapo', data: [heldOut], ...more });
  const reports = Object.entries(versions).map(([version, rewards]) => {
    const objectives = rewards.map((after, k) => ({
      name: ['helpful', 'harmless', 'concise'][k] ?? '',
      before: interval(0),
      after: interval(after),
    }));
    const report: EvaluationReportInput = { runId: id, version: Number(version), objectives };
    return toJson('gapo.training.v1.EvaluationReport', report);
  });
  return { run, reports };
}

const runs = [
  evaluated('low', { 2: [1, 1, 0], 4: [4, 1, 0] }),
  evaluated('high', { 4: [1, 4, 5] }, { method: 'linear' }),
  evaluated('half', { 0: [3, 3, 9] }, { data: [], ingredients: { low: 0.5, high: 0.5 } }),
  evaluated('other', { 1: [9, 9, 9] }, { data: [{ key: 'heldOut', file: 'other.jsonl', sha256: 'b'.repeat(64) }] }),
  evaluated('without', {}),
];

test('versions on the same held-out prompts make a front of two objectives, with the hypervolume of each group', () => {
  const plane = planeOf(runs, {});
  assert.deepEqual(plane.sets, [
    { id: 'a'.repeat(12), file: 'heldout.jsonl', points: 4 },
    { id: 'b'.repeat(12), file: 'other.jsonl', points: 1 },
  ]);
  assert.deepEqual([plane.x, plane.y, plane.objectives], ['helpful', 'harmless', ['helpful', 'harmless', 'concise']]);
  assert.deepEqual(
    plane.points.map(({ run, version, group, front }) => [run, version, group, front]),
    [
      ['low', 2, 'pgapo', false],
      ['low', 4, 'pgapo', true],
      ['high', 4, 'linear', true],
      ['half', 0, 'average', true],
    ],
  );
  assert.deepEqual([plane.points[3]?.ingredients, plane.starts], [['low', 'high'], [[0, 0]]]);
  // The range of both is 0 to 4: the reference is (-0.4, -0.4), and the boxes up to (4, 1), (3, 3), (1, 4) overlap.
  assert.deepEqual(plane.reference, [-0.4, -0.4]);
  const area = 4.4 * 1.4 + 3.4 * 2 + 1.4 * 1;
  const of = (name: string) => plane.hypervolumes.find(({ group }) => group === name)?.value ?? NaN;
  assert.ok(Math.abs(of('all') - area) < 1e-12, `${of('all')} is not ${area}`);
  assert.ok(Math.abs(of('pgapo') - 4.4 * 1.4) < 1e-12);
});

test('a person chooses the objectives and the set; what is not there is not chosen', () => {
  const chosen = planeOf(runs, { x: 'concise', y: 'helpful' });
  assert.deepEqual([chosen.x, chosen.y, chosen.points[2]?.x.mean], ['concise', 'helpful', 5]);
  const same = planeOf(runs, { x: 'harmless', y: 'harmless', set: 'none' });
  assert.deepEqual([same.x, same.y, same.points.length], ['harmless', 'helpful', 4]);
  assert.deepEqual(
    planeOf(runs, { set: 'b'.repeat(12) }).points.map(({ run }) => run),
    ['other'],
  );
});

test('a conditioned policy has a point for each stated preference, apart from policies trained for one', () => {
  const conditioned = evaluated('dial', { 4: [2, 5, 0] });
  const reports = [0, 0.5, 1].flatMap((share) =>
    conditioned.reports.map((report) => ({ ...report, preference: { helpful: share, harmless: 1 - share } })),
  );
  const { points, means } = planeOf([{ ...conditioned, reports }, ...runs.slice(0, 1)], {});
  assert.deepEqual(
    points.map(({ group, preference }) => [group, preference['helpful']]),
    [
      ['one policy', 0],
      ['one policy', 0.5],
      ['one policy', 1],
      ['pgapo', undefined],
      ['pgapo', undefined],
    ],
  );
  assert.deepEqual(means, [[2, 5, 0], [2, 5, 0], [2, 5, 0], [1, 1, 0], [4, 1, 0]]); // prettier-ignore
});

test('the means of all objectives are there for the pictures of all pairs, also of versions that lack one', () => {
  const { means, points } = planeOf([evaluated('one', { 1: [1, NaN, 1 / 3] }), ...runs.slice(1, 2)], {});
  assert.deepEqual([points.length, means], [1, [[1, null, 0.3333], [1, 4, 5]]]); // prettier-ignore
});

test('a run whose evaluations cannot be read is named beside the others', () => {
  const [low, high] = runs;
  assert.ok(low && high);
  const plane = planeOf([{ ...low, reports: [], problem: 'run low cannot be read' }, high], {});
  assert.deepEqual([plane.points.map(({ run }) => run), plane.problems], [['high'], ['run low cannot be read']]);
});

test('without an evaluation, or with one objective, there are no points', () => {
  const none = planeOf([evaluated('without', {})], {}, 7);
  assert.deepEqual([none.points, none.sets, none.reference, none.hypervolumes, none.left], [[], [], null, [], 7]);
  const one = planeOf([evaluated('one', { 1: [1] })], {});
  assert.deepEqual([one.points, one.x, one.y], [[], 'helpful', '']);
  const failed = planeOf([evaluated('one', { 1: [1, NaN] })], {});
  assert.deepEqual(failed.points, [], 'a mean that is not known is no 0');
});
