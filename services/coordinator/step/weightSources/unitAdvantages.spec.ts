// Advantages in units of the largest, and the gradients in those units.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { at } from '@gapo/numeric';
import { combine, gramMatrix, weightedSum } from '@gapo/objectives';
import fc from 'fast-check';
import { directionOf, gramOf, unitAdvantages, type ObjectiveGradients } from './unitAdvantages.js';

const names = ['a', 'b'];
const statistics = { tokens: 4, klSum: 0, entropySum: 0, clipped: [0, 0], maxLogprobGap: 0, valueLossSum: [] };

const gradientsOf = (
  units: readonly (readonly number[])[],
  scales: readonly number[] = [1, 1],
): ObjectiveGradients => ({
  units: units.map((unit) => Float32Array.from(unit)),
  scales: Float64Array.from(scales),
  regularizer: undefined,
  statistics,
});

/** Products of subnormal numbers would round. */
const number = fc.double({ min: -1e3, max: 1e3, noNaN: true }).map((x) => (Math.abs(x) < 1e-9 ? 0 : x));

test('the largest advantage of each objective is 1 or −1, and a column of zeros stays', () => {
  const { units, scales } = unitAdvantages(Float64Array.of(3, 0, -6, 0, 1.5, 0), 2);
  assert.deepEqual([...units], [0.5, 0, -1, 0, 0.25, 0]);
  assert.deepEqual([...scales], [6, 1]);
});

test('any scale gives the same float32 numbers, also where float32 itself would overflow or underflow', () => {
  const draw = fc.tuple(
    fc.array(number, { minLength: 1, maxLength: 40 }),
    fc.constantFrom(0.1, 3, 10, 100, 1e-60, 1e60),
  );
  fc.assert(
    fc.property(draw, ([column, scale]) => {
      const plain = Float64Array.from(column);
      const [quiet, loud] = [plain, plain.map((value) => scale * value)].map((values) => unitAdvantages(values, 1));
      quiet?.units.forEach((unit, i) => {
        // A number in the middle between two float32 numbers may be rounded either way.
        const exact = at(plain, i) / at(quiet.scales, 0);
        const ties = Math.fround(exact * (1 - 1e-15)) !== Math.fround(exact * (1 + 1e-15));
        assert.ok(ties || Object.is(unit, loud?.units[i]), `${at(plain, i)} times ${scale}`);
      });
    }),
    { numRuns: 500 },
  );
});

test('the Gram matrix and the direction are those of the gradients in their own scale', () => {
  const pair = fc.tuple(number, number);
  fc.assert(
    fc.property(fc.array(pair, { minLength: 1, maxLength: 30 }), pair, ([...entries], weights) => {
      const units = names.map((_, k) => entries.map((entry) => at(entry, k)));
      const scales = [0.125, 32]; // powers of two: the products are exact
      const whole = units.map((unit, k) => Float32Array.from(unit, (value) => at(scales, k) * Math.fround(value)));
      const gradients = gradientsOf(units, scales);
      const [scaled, expectedGram] = [gramOf(gradients, names), gramMatrix(whole, names)];
      // Equal as numbers: 0 may be −0.
      scaled.values.forEach((value, i) => assert.ok(value === at(expectedGram.values, i)));
      const factors = weights.map((weight) => Math.fround(weight));
      const expected = weightedSum(whole, factors, new Float32Array(entries.length));
      directionOf(gradients, weights).forEach((slope, i) => assert.ok(slope === at(expected, i)));
    }),
  );
});

test('GAPO p = 1 gives the same bytes for any scale of a reward; MGDA does not', () => {
  const units = [
    [0.3, -0.7, 1.1, 0.2],
    [-0.4, 0.9, 0.5, -1.3],
  ];
  for (const scale of [0.1, 3, 10, 100, 1e20]) {
    for (const [options, equal] of [
      [{ method: 'gapo', p: 1 }, true],
      [{ method: 'pgapo', preference: [0.3, 0.7] }, true],
      [{ method: 'mgda' }, false],
    ] as const) {
      const bits = (first: number): number[] => {
        const gradients = gradientsOf(units, [first, 1]);
        const direction = directionOf(gradients, combine(gramOf(gradients, names), options).weights);
        return [...new Uint32Array(direction.buffer)];
      };
      assert.equal(isDeepStrictEqual(bits(1), bits(scale)), equal, `${options.method}, scale ${scale}`);
    }
  }
});

test('a gradient whose squared norm would overflow is an error that names its objective', () => {
  assert.throws(() => gramOf(gradientsOf([[1], [1]], [1, 1e150]), names), /^RangeError: b: the squared norm/);
});
