import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, uniform } from '@gapo/numeric';
import fc from 'fast-check';
import { logLoss, qualityOf } from './calibration.js';

const margin = fc.double({ min: -40, max: 40, noNaN: true });

/** Returns the margin that gives the chosen answer this probability. */
const marginAt = (probability: number): number => Math.log(probability / (1 - probability));

test('four pairs in two bins, computed by hand', () => {
  const quality = qualityOf([marginAt(0.91), marginAt(0.92), -marginAt(0.94), marginAt(0.52)]);
  assert.equal(quality.pairs, 4);
  assert.equal(quality.accuracy.value, 0.75);
  const filled = quality.bins.filter(({ pairs }) => pairs > 0);
  assert.deepEqual(
    filled.map(({ low, high, pairs }) => [low, high, pairs]),
    [
      [0.5, 0.55, 1],
      [0.9, 0.95, 3],
    ],
  );
  const { predicted, observed } = at(filled, 1);
  assert.ok(Math.abs(Number(predicted) - 2.77 / 3) < 1e-12);
  assert.ok(Math.abs(Number(observed) - 2 / 3) < 1e-12);
  assert.ok(Math.abs(quality.calibrationError - (0.25 * 0.48 + 0.75 * (0.77 / 3))) < 1e-12);
  const expected = -(Math.log(0.91) + Math.log(0.92) + Math.log(0.06) + Math.log(0.52)) / 4;
  assert.ok(Math.abs(quality.logLoss - expected) < 1e-12);
});

test('probabilities are calibrated against labels drawn from them, and doubled margins are not', () => {
  const count = 40_000;
  const drawn = Float64Array.from({ length: count }, (_, i) => {
    const size = 4 * uniform(1, i);
    return uniform(2, i) < 1 / (1 + Math.exp(-size)) ? size : -size;
  });
  const quality = qualityOf(drawn);
  assert.ok(quality.calibrationError < 0.01, String(quality.calibrationError));
  for (const { predicted, observed, pairs } of quality.bins) {
    assert.ok(predicted !== null && observed !== null);
    assert.ok(Math.abs(predicted - observed) < 4 / Math.sqrt(pairs), `${predicted} ${observed}`);
  }
  const doubled = qualityOf(drawn.map((x) => 2 * x));
  assert.ok(doubled.logLoss > quality.logLoss && doubled.calibrationError > 0.04, 'overconfident');
  assert.deepEqual(doubled.accuracy, quality.accuracy);
});

test('every pair is in one bin, an empty bin has no values, and flipping all labels mirrors the accuracy', () => {
  fc.assert(
    fc.property(fc.array(margin, { minLength: 1, maxLength: 60 }), (margins) => {
      const { bins, accuracy, calibrationError } = qualityOf(margins);
      assert.equal(
        bins.reduce((sum, { pairs }) => sum + pairs, 0),
        margins.length,
      );
      for (const { low, high, pairs, predicted } of bins) {
        assert.equal(predicted === null, pairs === 0);
        if (predicted !== null) assert.ok(predicted >= low - 1e-12 && predicted <= high + 1e-12);
      }
      assert.ok(calibrationError >= 0 && calibrationError <= 1);
      const flipped = qualityOf(margins.map((x) => -x));
      assert.ok(Math.abs(flipped.accuracy.value + accuracy.value - 1) < 1e-12);
    }),
  );
});

test('the log loss of extreme margins neither overflows nor vanishes', () => {
  assert.equal(logLoss([-1000]), 1000);
  assert.equal(logLoss([1000]), 0);
  assert.equal(logLoss([0]), Math.LN2);
});

test('a NaN margin is refused', () => {
  assert.throws(() => qualityOf([1, NaN]), /NaN/);
});
