/** Learning rates as a function of the step: nothing to store, nothing to resume. */

/** A linear warm-up to the peak, then one of three courses. */
export type Schedule =
  | {
      /** Stays at the peak. */
      readonly kind: 'constant';
      readonly peak: number;
      /** Steps of linear warm-up. @default 0 */
      readonly warmupSteps?: number;
    }
  | {
      /** Falls to the floor along a straight line (`linear`) or half a cosine wave (`cosine`), and stays there. */
      readonly kind: 'linear' | 'cosine';
      /** Highest rate, > 0. */
      readonly peak: number;
      /** Steps of linear warm-up, included in `totalSteps`. @default 0 */
      readonly warmupSteps?: number;
      /** Step at which the floor is reached. */
      readonly totalSteps: number;
      /** Rate from `totalSteps` on, from 0 to the peak. @default 0 */
      readonly floor?: number;
    };

/** The share of (peak - floor) left after a share `x` in [0, 1] of the course. */
const courses: Readonly<Record<Schedule['kind'], (x: number) => number>> = {
  constant: () => 1,
  linear: (x) => 1 - x,
  cosine: (x) => (1 + Math.cos(Math.PI * x)) / 2,
};

/**
 * The rate for the update that comes after `step` updates, so that 0 is the first. During warm-up it is
 * peak·(step + 1)/warmupSteps: the first update is not wasted, the last of the warm-up is at the peak.
 *
 * @throws RangeError naming the field of a schedule that makes no sense
 */
export function learningRateAt(schedule: Schedule, step: number): number {
  checkSchedule(schedule);
  if (!Number.isInteger(step) || step < 0) throw new RangeError(`step is ${step}, expected an integer of at least 0`);
  const { kind, peak, warmupSteps = 0 } = schedule;
  if (step < warmupSteps) return (peak * (step + 1)) / warmupSteps;
  if (schedule.kind === 'constant') return peak;
  const { totalSteps, floor = 0 } = schedule;
  if (step >= totalSteps) return floor;
  return floor + (peak - floor) * courses[kind]((step - warmupSteps) / (totalSteps - warmupSteps));
}

/**
 * Checks a schedule from a configuration.
 *
 * @throws RangeError naming the field, what was found and what was expected
 */
function checkSchedule(schedule: Schedule): void {
  const { kind, peak, warmupSteps = 0 } = schedule;
  if (!Object.hasOwn(courses, kind)) {
    throw new RangeError(`schedule kind is ${String(kind)}, expected ${Object.keys(courses).join(', ')}`);
  }
  if (!(Number.isFinite(peak) && peak > 0)) throw new RangeError(`schedule peak is ${peak}, expected a number above 0`);
  if (!Number.isInteger(warmupSteps) || warmupSteps < 0) {
    throw new RangeError(`schedule warmupSteps is ${warmupSteps}, expected an integer of at least 0`);
  }
  if (schedule.kind === 'constant') return;
  const { totalSteps, floor = 0 } = schedule;
  if (!Number.isInteger(totalSteps) || totalSteps <= warmupSteps) {
    throw new RangeError(
      `schedule totalSteps is ${totalSteps}, expected an integer above warmupSteps, which is ${warmupSteps}`,
    );
  }
  if (!(floor >= 0 && floor <= peak)) {
    throw new RangeError(`schedule floor is ${floor}, expected a number from 0 to the peak, which is ${peak}`);
  }
}
