// The lines of the Pareto plane, and the pictures of its pairs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlanePoint } from './browser/data.js';
import { pictureOf } from './browser/pairMatrix.js';
import { ingredientLines, preferenceLines } from './browser/planeLines.js';

const interval = { mean: 0, low: 0, high: 0 };

function point(run: string, version: number, more: Partial<PlanePoint> = {}): PlanePoint {
  const rest = { preference: {}, group: 'pgapo', ingredients: [] };
  return { run, version, x: interval, y: interval, front: false, ...rest, ...more };
}

const share = (x: number, y = 1 - x, z?: number) => ({ x, y, ...(z !== undefined && { z }) });

test('an average has a line to the newest point of each of its runs, at the stated preference', () => {
  const [old, low, high] = [point('low', 1), point('low', 2), point('high', 2)];
  const half = point('half', 2, { ingredients: ['low', 'high', 'removed'] });
  assert.deepEqual(ingredientLines([old, low, high, half]), [
    [half, low],
    [half, high],
  ]);
  const stated = [0, 0.3].map((x) => point('dial', 2, { preference: share(x) }));
  const averageAt = (x: number) => point('both', 2, { preference: share(x), ingredients: ['dial'] });
  const same = averageAt(0.1 + 0.2);
  assert.deepEqual(ingredientLines([...stated, same, averageAt(0.7)]), [[same, stated[1]]]);
});

test('each version of a preference-conditioned policy has one line, sorted by λ, through the points whose λ is of both objectives only', () => {
  const stated = (version: number, preference: PlanePoint['preference']) => point('dial', version, { preference });
  const [one, none, some] = [stated(4, share(1)), stated(4, share(0)), stated(4, share(0.3))];
  const others = [stated(4, share(0.4, 0.2, 0.4)), stated(2, share(1)), point('low', 4)];
  assert.deepEqual(preferenceLines([one, ...others, none, some], 'x', 'y'), [[none, some, one]]);
  assert.deepEqual(preferenceLines([one, none, some], 'y', 'x'), [[one, some, none]]);
});

test('a picture has the points at their places, with room around them, and no points with unknown values', () => {
  const means = [
    [1, 10, 0],
    [2, 20, 0],
    [1.5, null, 0],
    [3, 15, 0],
  ];
  assert.deepEqual(pictureOf(means, 0, 1), [
    [10, 90],
    [50, 10],
    [90, 50],
  ]);
  assert.deepEqual(
    pictureOf(means, 0, 2).map(([, y]) => y),
    [50, 50, 50, 50],
    'where all are the same, in the middle',
  );
  assert.deepEqual(pictureOf([[null, 1]], 0, 1), []);
});
