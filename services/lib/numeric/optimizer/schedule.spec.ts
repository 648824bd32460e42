import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { at } from '../at.js';
import { learningRateAt, type Schedule } from './schedule.js';

const rates = (schedule: Schedule, steps: readonly number[]): number[] =>
  steps.map((step) => learningRateAt(schedule, step));

const close = (actual: readonly number[], expected: readonly number[]): void =>
  actual.forEach((rate, i) =>
    assert.ok(Math.abs(rate - at(expected, i)) < 1e-12, `${actual.join()} vs ${expected.join()}`),
  );

test('constant, with and without warm-up', () => {
  close(rates({ kind: 'constant', peak: 2 }, [0, 1, 1000]), [2, 2, 2]);
  close(rates({ kind: 'constant', peak: 2, warmupSteps: 4 }, [0, 1, 2, 3, 4, 99]), [0.5, 1, 1.5, 2, 2, 2]);
});

test('linear and cosine at hand-computed points', () => {
  const linear: Schedule = { kind: 'linear', peak: 1, warmupSteps: 2, totalSteps: 10, floor: 0.2 };
  close(rates(linear, [0, 1, 2, 6, 10, 11]), [0.5, 1, 1, 0.6, 0.2, 0.2]);
  const cosine: Schedule = { kind: 'cosine', peak: 1, totalSteps: 12 };
  close(rates(cosine, [0, 4, 6, 8, 12, 500]), [1, 0.75, 0.5, 0.25, 0, 0]);
});

test('rates stay between floor and peak and never rise after the warm-up', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('linear', 'cosine'),
      fc.nat(20),
      fc.integer({ min: 1, max: 50 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (kind, warmupSteps, rest, floor) => {
        const schedule: Schedule = { kind, peak: 1, warmupSteps, totalSteps: warmupSteps + rest, floor };
        let before = 1;
        for (let step = warmupSteps; step < warmupSteps + rest + 5; step++) {
          const rate = learningRateAt(schedule, step);
          assert.ok(rate <= before && rate >= floor - 1e-15);
          before = rate;
        }
        assert.equal(before, floor);
      },
    ),
  );
});

test('a schedule that makes no sense is refused by field', () => {
  assert.throws(() => learningRateAt({ kind: 'constant', peak: 0 }, 0), /peak is 0/);
  assert.throws(() => learningRateAt({ kind: 'constant', peak: NaN }, 0), /peak is NaN/);
  assert.throws(() => learningRateAt({ kind: 'constant', peak: 1, warmupSteps: 1.5 }, 0), /warmupSteps is 1.5/);
  assert.throws(() => learningRateAt({ kind: 'linear', peak: 1, warmupSteps: 5, totalSteps: 5 }, 0), /totalSteps is 5/);
  assert.throws(() => learningRateAt({ kind: 'cosine', peak: 1, totalSteps: 5, floor: 2 }, 0), /floor is 2/);
  assert.throws(() => learningRateAt({ kind: 'step' } as unknown as Schedule, 0), /kind is step/);
  assert.throws(() => learningRateAt({ kind: 'constant', peak: 1 }, -1), /step is -1/);
});
