/** Weights or preferences that change over a run: pure functions of the step, so that a resumed run has the same ones. */

import { assertFinite } from '@gapo/numeric';

/** The same at every step. */
export interface ConstantWeights {
  readonly kind: 'constant';
  /** One number for each objective. */
  readonly weights: ArrayLike<number>;
}

/** From one vector to another along a straight line; the first before `start`, the second from `end` on. */
export interface LinearWeights {
  readonly kind: 'linear';
  readonly from: ArrayLike<number>;
  readonly to: ArrayLike<number>;
  /** Steps, start < end. A whole number is not required. */
  readonly start: number;
  readonly end: number;
}

/** Vectors at given steps; the first before its step, the last after its own. */
export interface PiecewiseWeights {
  readonly kind: 'piecewise';
  /** At least one, by ascending step. */
  readonly points: readonly { readonly step: number; readonly weights: ArrayLike<number> }[];
  /** Between two points: keep the earlier one, or go along a straight line. @default 'hold' */
  readonly between?: 'hold' | 'line';
}

/** How weights depend on the step. */
export type WeightSchedule = ConstantWeights | LinearWeights | PiecewiseWeights;

/**
 * The weights at a step. Points of a simplex stay on it, as straight lines between two of its points do.
 *
 * @param size number of objectives K, which every vector of the schedule must have
 * @param step ≥ 0
 * @returns a new array, length K
 * @throws RangeError naming what of the schedule or the step is unusable
 */
export function weightsAt(schedule: WeightSchedule, size: number, step: number): Float64Array {
  if (!(step >= 0 && Number.isFinite(step))) throw new RangeError(`weights: step is ${step}, expected at least 0`);
  checkWeightSchedule(schedule, size);
  switch (schedule.kind) {
    case 'constant':
      return Float64Array.from(schedule.weights);
    case 'linear': {
      const { from, to, start, end } = schedule;
      return mix(from, to, Math.min(1, Math.max(0, (step - start) / (end - start))));
    }
    case 'piecewise': {
      const { points, between = 'hold' } = schedule;
      const after = points.findIndex((point) => point.step > step);
      if (after === 0) return Float64Array.from(points[0]!.weights);
      const last = points[(after < 0 ? points.length : after) - 1]!;
      if (after < 0 || between === 'hold') return Float64Array.from(last.weights);
      const next = points[after]!;
      return mix(last.weights, next.weights, (step - last.step) / (next.step - last.step));
    }
  }
}

/**
 * Checks a schedule from a configuration.
 *
 * @param size number of objectives K
 * @throws RangeError naming the field
 */
export function checkWeightSchedule(schedule: WeightSchedule, size: number): void {
  switch (schedule.kind) {
    case 'constant':
      return checkVector('weights', schedule.weights, size);
    case 'linear':
      checkVector('from', schedule.from, size);
      checkVector('to', schedule.to, size);
      if (!(schedule.start < schedule.end && Number.isFinite(schedule.end - schedule.start))) {
        throw new RangeError(
          `weight schedule: start is ${schedule.start} and end ${schedule.end}, expected start < end`,
        );
      }
      return;
    case 'piecewise':
      if (schedule.points.length === 0) throw new RangeError('weight schedule: no points, give at least one');
      schedule.points.forEach(({ step, weights }, k) => {
        const previous = k === 0 ? -Infinity : schedule.points[k - 1]!.step;
        if (!(step > previous && Number.isFinite(step))) {
          throw new RangeError(`weight schedule: point ${k} is at step ${step}, expected a step after ${previous}`);
        }
        checkVector(`point ${k}`, weights, size);
      });
      return;
    default:
      throw new RangeError(
        `weight schedule: kind is ${String((schedule as { kind: unknown }).kind)}, expected constant, linear or piecewise`,
      );
  }
}

function checkVector(what: string, weights: ArrayLike<number>, size: number): void {
  if (weights.length !== size) {
    throw new RangeError(`weight schedule: ${what} has ${weights.length} numbers for ${size} objectives`);
  }
  assertFinite(weights, 'weight schedule', what, 'give one number for each objective');
  for (let i = 0; i < size; i++) {
    if (weights[i]! < 0) {
      throw new RangeError(`weight schedule: ${what} has ${weights[i]} for objective ${i}, expected at least 0`);
    }
  }
}

/** (1 - t)·a + t·b, exactly a at 0 and b at 1. */
function mix(a: ArrayLike<number>, b: ArrayLike<number>, t: number): Float64Array {
  return Float64Array.from(a, (value, i) => (1 - t) * value + t * b[i]!);
}
