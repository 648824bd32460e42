/** Thinned series: few enough points, no spike lost, ends in place; and steps that a resumed run repeats. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { append, averaged, between, joined, noSeries, thinned, type Series } from '#page/series.js';

const values = fc.array(fc.option(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 })), {
  minLength: 1,
  maxLength: 400,
});

const seriesFrom = (column: (number | null)[]): Series => ({ steps: column.map((_, i) => i + 1), columns: { column } });
const known = (column: readonly (number | null)[] | undefined): number[] =>
  (column ?? []).filter((value) => value !== null);

test('a thinned series has few points, ascending steps, every extreme, and its ends as they were', () => {
  fc.assert(
    fc.property(values, fc.integer({ min: 4, max: 60 }), (column, points) => {
      const { steps, columns } = thinned(seriesFrom(column), points);
      const thin = columns['column'] ?? [];
      assert.ok(steps.length <= points && thin.length === steps.length);
      assert.ok(steps.every((step, i) => i === 0 || step > (steps[i - 1] ?? 0)));
      assert.deepEqual([steps[0], steps.at(-1)], [1, column.length]);
      assert.deepEqual([thin[0], thin.at(-1)], [column[0], column.at(-1)]);
      for (const extreme of [Math.min(...known(column)), Math.max(...known(column))]) {
        if (Number.isFinite(extreme)) assert.ok(thin.includes(extreme), `${extreme} is lost`);
      }
      for (const value of known(thin)) assert.ok(column.includes(value), 'no value is invented');
    }),
  );
});

test('an averaged series has the mean of each bucket, and only the last step by itself', () => {
  const { steps, columns } = averaged(seriesFrom([1, 3, null, 5, null, null, 7]), 4);
  assert.deepEqual(steps, [2, 4, 6, 7]);
  assert.deepEqual(columns['column'], [2, 5, null, 7]);
});

test('a step that is repeated after a resume replaces those from there on; columns come and go', () => {
  const series = noSeries();
  append(series, 1, { a: 1 });
  append(series, 2, { a: 2, b: 20 });
  append(series, 3, { b: 30 });
  assert.deepEqual(series, { steps: [1, 2, 3], columns: { a: [1, 2, null], b: [null, 20, 30] } });
  append(series, 2, { a: null, c: 7 });
  assert.deepEqual(series, { steps: [1, 2], columns: { a: [1, null], b: [null, null], c: [null, 7] } });
  assert.deepEqual(between(series, 2, 9), { steps: [2], columns: { a: [null], b: [null], c: [7] } });
});

test('the curves of several runs are joined by step, each column named after its run', () => {
  const a = { steps: [1, 2], columns: { 'reward\nhelpful': [1, 2], kl: [0.1, null], age: [0, 0] } };
  const b = { steps: [2, 5], columns: { 'reward\nhelpful': [3, 4], 'phase\nsampling': [1, 1] } };
  assert.deepEqual(
    joined([
      { id: 'a', series: a },
      { id: 'b', series: b },
    ]),
    {
      steps: [1, 2, 5],
      columns: {
        'reward\nhelpful · a': [1, 2, null],
        'kl\na': [0.1, null, null],
        'reward\nhelpful · b': [null, 3, 4],
      },
    },
  );
});
