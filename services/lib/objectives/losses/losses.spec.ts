/** Every slope against central differences of its loss, in float64. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { preferenceLoss, preferenceSlope } from './preference.js';
import { entropy, entropySlope, klLoss, klSlope, valueLoss, valueSlope } from './regularizers.js';
import { importanceRatio, isClipped, surrogate, surrogateSlope } from './surrogate.js';

const step = 1e-6;
const number = (min: number, max: number) => fc.double({ min, max, noNaN: true });

/** (f(x + h) − f(x − h)) / 2h agrees with a slope at x. */
function assertSlope(f: (x: number) => number, x: number, slope: number): void {
  const numeric = (f(x + step) - f(x - step)) / (2 * step);
  assert.ok(Math.abs(numeric - slope) < 1e-6 * Math.max(1, Math.abs(slope)), `slope ${slope}, differences ${numeric}`);
}

describe('slopes are those of their losses', () => {
  test('of the clipped surrogate, on either side of the clip range', () => {
    const clips = { active: 0, inactive: 0 };
    fc.assert(
      fc.property(number(-1, 1), number(-3, 3), number(0.05, 0.4), (logRatio, advantage, clipRange) => {
        const ratio = importanceRatio(logRatio, 0);
        // The surrogate has kinks at both ends of the range.
        fc.pre([1 - clipRange, 1 + clipRange].every((edge) => Math.abs(ratio - edge) > 1e-4));
        clips[isClipped(ratio, advantage, clipRange) ? 'active' : 'inactive']++;
        const f = (x: number): number => surrogate(importanceRatio(x, 0), advantage, clipRange);
        assertSlope(f, logRatio, surrogateSlope(ratio, advantage, clipRange));
      }),
    );
    assert.ok(clips.active > 0 && clips.inactive > 0);
  });

  test('of the divergence', () => {
    fc.assert(
      fc.property(number(-10, 0), number(-10, 0), (logprob, reference) =>
        assertSlope((x) => klLoss(x, reference), logprob, klSlope(logprob, reference)),
      ),
    );
  });

  test('of the entropy, at every logit', () => {
    fc.assert(
      fc.property(fc.array(number(-4, 4), { minLength: 2, maxLength: 6 }), (list) => {
        const logits = Float64Array.from(list);
        entropySlope(logits).forEach((slope, i) =>
          assertSlope((x) => entropy(logits.with(i, x)), logits[i] ?? NaN, slope),
        );
      }),
    );
  });

  test('of the value loss, held and free', () => {
    const kinds = { held: 0, free: 0 };
    fc.assert(
      fc.property(
        number(-2, 2),
        number(-2, 2),
        number(-2, 2),
        fc.constantFrom(0, 0.3),
        (value, target, oldValue, clip) => {
          const given = { target, oldValue, clip };
          const held = oldValue + Math.max(Math.min(value - oldValue, clip), -clip);
          // Kinks: where clipping of the value begins, and where both errors are equal.
          fc.pre(clip === 0 || Math.abs(Math.abs(value - oldValue) - clip) > 1e-4);
          fc.pre(held === value || clip === 0 || Math.abs((value - target) ** 2 - (held - target) ** 2) > 1e-4);
          const slope = valueSlope(value, given);
          kinds[slope === 0 ? 'held' : 'free']++;
          assertSlope((x) => valueLoss(x, given), value, slope);
        },
      ),
    );
    assert.ok(kinds.held > 0 && kinds.free > 0);
  });

  test('of the preference loss, with and without label smoothing', () => {
    fc.assert(
      fc.property(number(-8, 8), fc.constantFrom(0, 0.1), (margin, labelSmoothing) =>
        assertSlope((x) => preferenceLoss(x, labelSmoothing), margin, preferenceSlope(margin, labelSmoothing)),
      ),
    );
  });
});

test('a value within the clip range keeps its slope, whatever rounds', () => {
  // Decimals, because most of fc.double's numbers are close to 0, where nothing rounds.
  const decimal = (limit: number) => fc.integer({ min: -limit * 1e6, max: limit * 1e6 }).map((n) => n / 1e6);
  fc.assert(
    fc.property(decimal(2), decimal(0.3), decimal(0.3), (target, oldValue, value) => {
      assert.equal(valueSlope(value, { target, oldValue, clip: 0.6 }), value - target);
    }),
    { numRuns: 1000 },
  );
});

test('losses stay finite far from the data', () => {
  assert.equal(importanceRatio(1000, 0), Math.exp(20));
  assert.equal(preferenceLoss(-1000, 0), 1000);
  assert.equal(preferenceSlope(1000, 0), -0);
});
