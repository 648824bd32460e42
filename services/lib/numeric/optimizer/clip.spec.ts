import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { at } from '../at.js';
import { clipGlobalNorm, globalNorm } from './clip.js';
import { NonFiniteGradientError } from './tensors.js';

test('3 and 4 in two tensors have norm 5 and are scaled to norm 1', () => {
  const gradients = [Float32Array.of(3), Float64Array.of(0, 4)];
  assert.deepEqual(clipGlobalNorm(gradients, 1), { norm: 5, scale: 0.2 });
  assert.ok(Math.abs(at(at(gradients, 0), 0) - 0.6) < 1e-7);
  assert.ok(Math.abs(at(at(gradients, 1), 1) - 0.8) < 1e-15);
});

test('the norm never exceeds the maximum, the direction stays, and small gradients are left alone', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 50 }),
      fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
      (entries, maxNorm) => {
        const before = Float64Array.from(entries);
        const after = Float64Array.from(entries);
        const { norm, scale } = clipGlobalNorm([after], maxNorm);
        assert.ok(globalNorm([after]) <= maxNorm * (1 + 1e-12));
        if (norm <= maxNorm) assert.deepEqual(after, before);
        else before.forEach((g, i) => assert.equal(after[i], g * scale));
      },
    ),
  );
});

test('float32 entries are summed in float64', () => {
  const gradient = new Float32Array(1_000_000).fill(0.1);
  const expected = Math.fround(0.1) * 1000;
  assert.ok(Math.abs(globalNorm([gradient]) / expected - 1) < 1e-10);
  assert.equal(globalNorm([Float32Array.of(3e38)]), Math.fround(3e38));
});

test('zero, nothing, non-finite and a useless maximum', () => {
  assert.deepEqual(clipGlobalNorm([new Float32Array(3)], 1), { norm: 0, scale: 1 });
  assert.deepEqual(clipGlobalNorm([], 1), { norm: 0, scale: 1 });
  const gradients = [Float32Array.of(5), Float32Array.of(1, -Infinity)];
  assert.throws(
    () => clipGlobalNorm(gradients, 1),
    (error) => error instanceof NonFiniteGradientError && error.tensor === 1 && error.index === 1,
  );
  assert.equal(at(gradients, 0)[0], 5);
  assert.throws(() => clipGlobalNorm([Float64Array.of(1e200)], 1), /overflows/);
  assert.throws(() => clipGlobalNorm([], 0), /above 0/);
  assert.throws(() => clipGlobalNorm([], NaN), /above 0/);
});
