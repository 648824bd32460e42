// One advantage for all objectives, and the stages before it. Golden values are NumPy's, from the definitions.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, f64 } from '@gapo/numeric';
import fc from 'fast-check';
import { assertClose } from '../gram/sampleGradients.fixture.js';
import {
  centeredAdvantages,
  gaeAdvantages,
  groupNormalizedAdvantages,
  rlooAdvantages,
  scalarAdvantages,
  signalCorrelation,
  varianceAdaptive,
  whiten,
  whitenTogether,
  withoutConflicts,
} from '../mod.js';

const rewards = [
  [1, 3, 0, 4, 2, 2],
  [0, -1, 10, 20, 5, -5],
];
const groups = [0, 0, 1, 1, 1, 0];
const weights = [0.3, 0.7];
const names = ['a', 'b'];

type Estimator = typeof rlooAdvantages;
const columnsBy = (estimator: Estimator): Float64Array[] =>
  rewards.map((of, k) => estimator({ objective: at(names, k), rewards: of, groups }));

const close = (actual: ArrayLike<number>, expected: readonly number[], tolerance = 1e-9): void => {
  assert.equal(actual.length, expected.length);
  expected.forEach((value, i) => assertClose(at(actual, i), value, tolerance));
};

test('MORLHF: RLOO on the weighted sum of rewards, whitened', () => {
  const { scalar, columns } = scalarAdvantages({ columns: columnsBy(rlooAdvantages), weights, whiten: true });
  close(scalar, [0.315561992143, 0.286874538312, -0.506811684351, 1.845559529805, -1.338747845454, -0.602436530454]);
  // Its parts are in the same units.
  scalar.forEach((value, row) =>
    assertClose(0.3 * f64(at(columns, 0), row) + 0.7 * f64(at(columns, 1), row), value, 1e-12),
  );
});

test('MORLHF with group advantages is GRPO on the weighted sum of rewards', () => {
  const { scalar } = scalarAdvantages({
    columns: columnsBy(centeredAdvantages),
    weights,
    whiten: false,
    normalizeWithin: { groups, deviation: 'sample' },
  });
  close(scalar, [0.604614680922, 0.549649709929, -0.306871476224, 1.117475375684, -0.81060389946, -1.154264390852]);
  const summed = groups.map((_, i) => rewards.reduce((sum, of, k) => sum + at(weights, k) * at(of, i), 0));
  close(scalar, [...groupNormalizedAdvantages({ objective: 'sum', rewards: summed, groups }, { deviation: 'sample' })]);
});

test('GDPO and MO-GRPO: normalised, then added up; whitened or not', () => {
  const columns = columnsBy(groupNormalizedAdvantages);
  const whitened = scalarAdvantages({ columns, weights, whiten: true }).scalar;
  close(whitened, [0.340893004242, 0.839884321775, -0.673532582112, 1.582495391485, -0.908962809372, -1.180777326017]);
  const plain = scalarAdvantages({ columns, weights, whiten: false }).scalar;
  close(plain, [0.280650608423, 0.691460496338, -0.554506330756, 1.302837808111, -0.748331477355, -0.972111104761]);
});

test('GAE: the advantage of a weighted reward under a weighted critic is the weighted advantage, whitened over tokens', () => {
  const layout = { width: 3, lengths: [3, 1, 2] };
  const number = fc.double({ min: -5, max: 5, noNaN: true });
  const numbers = (count: number): fc.Arbitrary<number[]> => fc.array(number, { minLength: count, maxLength: count });
  fc.assert(
    fc.property(numbers(9), numbers(9), numbers(3), numbers(3), (valuesA, valuesB, rewardsA, rewardsB) => {
      const estimate = (values: number[], of: number[]): Float64Array =>
        gaeAdvantages({ objective: 'x', ...layout, values, rewards: of, gamma: 0.9, lambda: 0.8 }).advantages;
      const mix = (a: number[], b: number[]): number[] => a.map((x, i) => 0.3 * x + 0.7 * at(b, i));
      const columns = [estimate(valuesA, rewardsA), estimate(valuesB, rewardsB)];
      const direct = estimate(mix(valuesA, valuesB), mix(rewardsA, rewardsB));
      close(scalarAdvantages({ columns, weights, whiten: false, layout }).scalar, [...direct], 1e-12);
      close(
        scalarAdvantages({ columns, weights, whiten: true, layout }).scalar,
        [...whiten('x', direct, { layout }).values],
        1e-6,
      );
    }),
    { numRuns: 50 },
  );
});

test('DVAO: an objective counts in a prompt in proportion to the spread of its rewards', () => {
  const columns = varianceAdaptive({ columns: columnsBy(groupNormalizedAdvantages), weights, groups }, rewards);
  const { scalar } = scalarAdvantages({ columns, weights, whiten: false });
  close(scalar, [0.626023760877, 0.569112509888, -0.363873669202, 1.325049399168, -0.961175729967, -1.195136270764]);
  // Two constant objectives give zeros, not NaN.
  const flat = [Float64Array.of(0, 0), Float64Array.of(0, 0)];
  const same = varianceAdaptive({ columns: flat, weights, groups: [0, 0] }, [
    [1, 1],
    [2, 2],
  ]);
  assert.deepEqual(same, flat);
});

test('GD²PO: completions on which objectives disagree are left out, and their prompts count less', () => {
  const columns = columnsBy(groupNormalizedAdvantages);
  for (const threshold of [undefined, 0.5]) {
    const filtered = withoutConflicts({ columns, weights, groups }, threshold);
    assert.deepEqual(filtered.kept, [false, true, true, true, true, true]);
    close(
      at(filtered.columns, 1),
      [0, 0.308606699924, -0.267261241912, 1.336306209562, -1.06904496765, -0.925820099773],
    );
    const { scalar } = scalarAdvantages({ ...filtered, weights, whiten: true });
    close(scalar, [0, 0.623932783823, -0.647333691928, 1.677851786213, -0.889980925005, -0.764469953102]);
  }
  // Its agreement of 0.276 is enough for a lower threshold; an objective with weight 0 cannot disagree.
  assert.ok(withoutConflicts({ columns, weights, groups }, 0.2).kept.every(Boolean));
  assert.ok(withoutConflicts({ columns, weights: [0, 1], groups }).kept.every(Boolean));
  assert.throws(() => withoutConflicts({ columns, weights, groups }, -1), /threshold is -1/);
});

test('a common scale whitens all objectives and keeps their proportions', () => {
  const [a, b] = [Float64Array.of(1, -1, 3, -3), Float64Array.of(10, -10, 30, -30)];
  const [quiet, loud] = whitenTogether(names, [a, b]);
  const variance = (values: Float64Array): number => values.reduce((sum, x) => sum + x * x, 0) / values.length;
  assertClose((variance(quiet ?? a) + variance(loud ?? a)) / 2, 1, 1e-12);
  loud?.forEach((value, i) => assertClose(value, 10 * f64(quiet ?? a, i), 1e-12));
});

test('the correlation of a reward with the signal is the mean over prompts', () => {
  const signal = scalarAdvantages({ columns: columnsBy(groupNormalizedAdvantages), weights, whiten: false }).scalar;
  assertClose(signalCorrelation(at(rewards, 0), signal, groups), 0.5285458940257151, 1e-12);
  assertClose(signalCorrelation(at(rewards, 1), signal, groups), 0.9393287903136058, 1e-12);
  assert.equal(signalCorrelation([1, 1, 1, 1, 1, 1], signal, groups), 0);
});
