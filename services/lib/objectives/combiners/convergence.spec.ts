/**
 * Ascent on problems whose Pareto sets are known, with exact gradients: whether, and where, the combiners end on the set.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, f64 } from '@gapo/numeric';
import { assertClose, norm } from '../gram/sampleGradients.fixture.js';
import { combine, gramMatrix, weightedSum, type CombineOptions } from '../mod.js';

/** Two objectives to maximise, with their gradients, over a box or all of Rⁿ. */
interface Problem {
  readonly start: readonly number[];
  readonly values: (x: readonly number[]) => readonly [number, number];
  readonly gradients: (x: readonly number[]) => readonly [number[], number[]];
  /** Distance to the Pareto set. */
  readonly distance: (x: readonly number[]) => number;
  /** Both bounds of every coordinate. @default none */
  readonly box?: readonly [number, number];
}

/** -½‖x - a‖² and -(x - b)ᵀ(x - b): the set is the segment from a to b. */
const quadratics: Problem = (() => {
  const [a, b] = [[-1, 0, 0, 0], [1, 0, 0, 0]]; // prettier-ignore
  const away = (x: readonly number[], c: readonly number[]): number[] => x.map((value, k) => value - at(c, k));
  return {
    start: [0.1, 0.7, -0.4, 0.2],
    values: (x) => [-0.5 * norm(away(x, a)) ** 2, -(norm(away(x, b)) ** 2)],
    gradients: (x) => [away(x, a).map((v) => -v), away(x, b).map((v) => -2 * v)],
    distance: (x) => Math.hypot(Math.max(0, Math.abs(at(x, 0)) - 1), ...x.slice(1)),
  };
})();

/**
 * Fonseca and Fleming (1995): exp(-Σ (x_i ∓ 1/√n)²), here to be maximised. The set is x_1 = … = x_n in [-1/√n, 1/√n].
 */
const fonsecaFleming: Problem = (() => {
  const n = 3;
  const center = 1 / Math.sqrt(n);
  const height = (x: readonly number[], c: number): number => Math.exp(-x.reduce((sum, v) => sum + (v - c) ** 2, 0));
  const slope = (x: readonly number[], c: number): number[] => x.map((v) => -2 * (v - c) * height(x, c));
  return {
    start: [0.5, -0.4, 0.15],
    values: (x) => [height(x, center), height(x, -center)],
    gradients: (x) => [slope(x, center), slope(x, -center)],
    distance: (x) => {
      const mean = Math.min(center, Math.max(-center, x.reduce((sum, v) => sum + v, 0) / n));
      return norm(x.map((v) => v - mean));
    },
  };
})();

/**
 * ZDT1 (Zitzler, Deb and Thiele 2000): minimise x_1 and g·(1 - √(x_1/g)) with g = 1 + 9 Σ_{i>1} x_i / (n - 1) on [0, 1]ⁿ.
 * The set is x_2 = … = x_n = 0.
 */
const zdt1: Problem = (() => {
  const n = 5;
  const gOf = (x: readonly number[]): number => 1 + (9 * x.slice(1).reduce((sum, v) => sum + v, 0)) / (n - 1);
  return {
    start: [0.8, 0.05, 0.1, 0.02, 0.08],
    box: [0, 1],
    values: (x) => [-at(x, 0), -(gOf(x) - Math.sqrt(at(x, 0) * gOf(x)))],
    gradients: (x) => {
      const g = gOf(x);
      const byG = 1 - 0.5 * Math.sqrt(at(x, 0) / g);
      const along = x.map((_, i) => (i === 0 ? 0.5 * Math.sqrt(g / Math.max(at(x, 0), 1e-12)) : (-byG * 9) / (n - 1)));
      return [x.map((_, i) => (i === 0 ? -1 : 0)), along];
    },
    distance: (x) => norm(x.slice(1)),
  };
})();

const problems: Readonly<Record<string, Problem>> = { quadratics, fonsecaFleming, zdt1 };

/** Projected ascent: components of a gradient that point beyond an active bound are removed before the combination. */
function ascend(problem: Problem, options: CombineOptions, rate: number, steps: number): number[] {
  let x = [...problem.start];
  for (let step = 0; step < steps; step++) {
    const free = problem.gradients(x).map((gradient) =>
      Float64Array.from(gradient, (slope, k) => {
        const outward =
          problem.box && ((at(x, k) <= problem.box[0] && slope < 0) || (at(x, k) >= problem.box[1] && slope > 0));
        return outward ? 0 : slope;
      }),
    );
    const { weights } = combine(gramMatrix(free, ['first', 'second']), options);
    const d = weightedSum(free, weights, new Float64Array(x.length));
    x = x.map((value, k) => {
      const next = value + rate * f64(d, k);
      return problem.box ? Math.min(problem.box[1], Math.max(problem.box[0], next)) : next;
    });
  }
  return x;
}

test('MGDA, GAPO, UPGrad, DualProj, PCGrad and non-conflicting P-GAPO end on the Pareto set, to 1e-6', () => {
  const methods: readonly CombineOptions[] = [
    { method: 'mgda' },
    { method: 'gapo', p: 1 },
    { method: 'gapo', p: 2 },
    { method: 'pgapo', preference: [0.5, 0.5], nonConflicting: true },
    { method: 'upgrad' },
    { method: 'dualproj' },
    { method: 'pcgrad', order: 'all' },
  ];
  for (const [name, problem] of Object.entries(problems)) {
    for (const options of methods) {
      const end = ascend(problem, options, 0.05, 1200);
      assert.ok(problem.distance(end) <= 1e-6, `${name}, ${JSON.stringify(options)}: ${problem.distance(end)} away`);
    }
  }
});

test('non-conflicting P-GAPO ends on the set for every preference, in the order of the preferences', () => {
  for (const [name, problem] of Object.entries(problems)) {
    let previous: readonly [number, number] | undefined;
    for (const first of [0.2, 0.35, 0.5, 0.65, 0.8]) {
      const preference = [first, 1 - first];
      const end = ascend(problem, { method: 'pgapo', preference, nonConflicting: true }, 0.02, 3000);
      assert.ok(problem.distance(end) <= 1e-6, `${name}, ${first}: ${problem.distance(end)} away`);
      const values = problem.values(end);
      const [low, high] = problem.values(problem.start);
      // To first order no objective is worse off; steps of 0.02 leave second-order losses.
      assert.ok(values[0] >= low - 0.02 && values[1] >= high - 0.02, `${name}, ${first}: an objective is worse off`);
      if (previous) {
        assert.ok(values[0] > previous[0] && values[1] < previous[1], `${name}, ${first}: out of order`);
      }
      previous = values;
    }
  }
});

test('P-GAPO itself: in the order of the preferences at every moment, and on at an even preference', () => {
  for (const [name, problem] of Object.entries(problems)) {
    for (const steps of [5, 20, 60]) {
      const reached = [0.2, 0.35, 0.5, 0.65, 0.8].map((first) =>
        problem.values(ascend(problem, { method: 'pgapo', preference: [first, 1 - first] }, 0.005, steps)),
      );
      reached.slice(1).forEach((values, k) => {
        const before = at(reached, k);
        assert.ok(values[0] > before[0] && values[1] < before[1], `${name} after ${steps} steps`);
      });
    }
    const even = ascend(problem, { method: 'pgapo', preference: [0.5, 0.5] }, 0.05, 1200);
    assertClose(problem.distance(even), 0, 1e-6, name);
  }
});

test('on a front unit gradients are opposed, so P-GAPO moves to the preferred end and its non-conflicting form stops', () => {
  const onFront = { ...quadratics, start: [0.2, 0, 0, 0] };
  const options = { method: 'pgapo', preference: [0.7, 0.3] } as const;
  assertClose(at(ascend(onFront, options, 0.01, 400), 0), -1, 0.01);
  assertClose(at(ascend(onFront, { ...options, nonConflicting: true }, 0.01, 400), 0), 0.2, 1e-12);
});
