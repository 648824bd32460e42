import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, NonFiniteError, uniform } from '@gapo/numeric';
import fc from 'fast-check';
import { assertClose } from './gram/sampleGradients.fixture.js';
import { dominates, hypervolume, paretoFront, referenceBelow } from './mod.js';

const pointsOf = (size: number, most: number): fc.Arbitrary<number[][]> =>
  fc.array(fc.array(fc.integer({ min: -3, max: 6 }), { minLength: size, maxLength: size }), { maxLength: most });

/** Volume of a union of boxes from the reference by inclusion and exclusion. */
function bruteForce(points: readonly (readonly number[])[], reference: readonly number[]): number {
  let total = 0;
  for (let mask = 1; mask < 1 << points.length; mask++) {
    const members = points.filter((_, i) => mask & (1 << i));
    const edges = reference.map((r, k) => Math.max(0, Math.min(...members.map((point) => at(point, k))) - r));
    const volume = edges.reduce((product, edge) => product * edge, 1);
    total += members.length % 2 === 1 ? volume : -volume;
  }
  return total;
}

test('hypervolume is that of the union of boxes, for 1 to 4 objectives', () => {
  for (const size of [1, 2, 3, 4]) {
    const reference = [0, -1, 1, 0].slice(0, size);
    fc.assert(
      fc.property(pointsOf(size, 7), (points) =>
        assert.equal(hypervolume(points, reference), bruteForce(points, reference)),
      ),
      { numRuns: 150 },
    );
  }
});

test('hypervolume of a larger set agrees with counting random points', () => {
  const points = Array.from({ length: 40 }, (_, i) => Array.from({ length: 3 }, (__, k) => uniform(5, i, k)));
  const draws = 40_000;
  let inside = 0;
  for (let draw = 0; draw < draws; draw++) {
    const drawn = [uniform(6, draw, 0), uniform(6, draw, 1), uniform(6, draw, 2)];
    if (points.some((point) => point.every((value, k) => value > at(drawn, k)))) inside++;
  }
  assertClose(hypervolume(points, [0, 0, 0]), inside / draws, 0.012);
});

test('hypervolume: degenerate sets and what is refused', () => {
  assert.equal(hypervolume([], [0, 0]), 0);
  assert.equal(hypervolume([[1, 0]], [0, 0]), 0);
  assert.equal(hypervolume([[-1, 5], [2, 3], [2, 3], [1, 1]], [0, 0]), 6); // prettier-ignore
  assert.equal(hypervolume([[3], [2]], [1]), 2);
  assert.throws(() => hypervolume([], []), /0 values, expected 1 to 4/);
  assert.throws(() => hypervolume([], [0, 0, 0, 0, 0]), /5 values/);
  assert.throws(() => hypervolume([[1, 2, 3]], [0, 0]), /point 1 has 3 values/);
  assert.throws(() => hypervolume([[1, NaN]], [0, 0]), NonFiniteError);
});

test('no point on the front is dominated, and every other point is dominated by one on it', () => {
  fc.assert(
    fc.property(pointsOf(3, 12), (points) => {
      const front = paretoFront(points);
      points.forEach((point, i) => {
        const dominators = front.filter((j) => dominates(at(points, j), point));
        assert.equal(dominators.length > 0, !front.includes(i));
      });
      const covered = hypervolume(points, [-4, -4, -4]);
      assertClose(
        hypervolume(
          front.map((i) => at(points, i)),
          [-4, -4, -4],
        ),
        covered,
        1e-9,
      );
    }),
  );
  assert.deepEqual(paretoFront([]), []);
  assert.deepEqual(paretoFront([[1, 1], [1, 1], [0, 1]]), [0, 1]); // prettier-ignore
  assert.ok(!dominates([1, 1], [1, 1]));
  assert.throws(() => paretoFront([[1, 2], [1]]), /point 1 has 1 values/);
  assert.throws(() => paretoFront([[1, Infinity]]), NonFiniteError);
});

test('a reference is a tenth of the range below the worst of each objective', () => {
  const [first = NaN, second = NaN] = referenceBelow([
    [1, 5],
    [3, 5],
    [2, 5],
  ]);
  assertClose(first, 0.8, 1e-12);
  assertClose(second, 4.9, 1e-12);
  assert.throws(() => referenceBelow([]), RangeError);
  assert.throws(() => referenceBelow([[NaN]]), NonFiniteError);
});
