/** Schemas of settings shared by several combiners, with the expectation that an error states for each. */

import { at } from '@gapo/numeric';
import { z } from 'zod';
import type { Combiner, Refuse, Settings } from './combiner.js';

/** A finite number of at least 0. */
export const nonNegativeNumber = z.number().min(0).meta({ expected: 'a finite number of at least 0' });

/** An objective's name; the combiner's check compares it with those of the run. */
export const objectiveName = z.string().meta({ expected: 'the name of an objective' });

/** The share of a running mean kept from previous steps; 0 uses each batch alone. */
export const runningMeanDecay = z.number().min(0).lt(1).meta({ expected: 'a number of at least 0 and under 1' });

/** A constant, or values at steps, interpolated linearly and constant before the first and after the last. */
const scheduled = z
  .union([
    nonNegativeNumber,
    z
      .record(z.string(), nonNegativeNumber)
      .refine((points) => Object.keys(points).length > 0 && Object.keys(points).every((step) => /^\d+$/.test(step)), {
        abort: true,
      })
      .meta({ expected: 'numbers of at least 0 by step, as { 0: 0.2, 100: 0.8 }' }),
  ])
  .meta({ expected: 'a number of at least 0, or a mapping of steps to such numbers' });

/** A preference or weights: one entry for each objective. */
export const scheduledByObjective = z
  .record(z.string(), scheduled)
  .meta({ expected: 'a mapping of objectives to numbers' });

/** An optional preference. */
export const optionalPreference = scheduledByObjective
  .optional()
  .meta({ absent: 'equal shares' })
  .describe('λ: the share of each objective. The numbers are divided by their sum.');

/** A preference or weights as configured: by objective a number, or its values at steps. */
export type ScheduledNumbers = z.output<typeof scheduledByObjective>;

/** The value of a scheduled number at a step. */
export function numberAt(scheduledNumber: ScheduledNumbers[string], step: number): number {
  if (typeof scheduledNumber === 'number') return scheduledNumber;
  const points = Object.entries(scheduledNumber)
    .map(([key, value]) => ({ step: Number(key), value }))
    .sort((a, b) => a.step - b.step);
  const after = points.findIndex((point) => point.step > step);
  if (after === 0) return at(points, 0).value;
  const last = at(points, (after < 0 ? points.length : after) - 1);
  if (after < 0) return last.value;
  const next = at(points, after);
  const share = (step - last.step) / (next.step - last.step);
  return (1 - share) * last.value + share * next.value;
}

/** The numbers that steer a combiner; undefined if it takes none, or its settings omit them. */
export function numbersThatSteer(
  { steeredBy }: Combiner,
  settings: Settings<z.ZodRawShape>,
): ScheduledNumbers | undefined {
  return steeredBy && scheduledByObjective.optional().parse(settings[steeredBy]);
}

/** Checks a combiner's settings against the objectives' names. */
export function checkSettings(
  combiner: Combiner,
  settings: Settings<z.ZodRawShape>,
  names: readonly string[],
  refuse: Refuse,
): void {
  const numbers = numbersThatSteer(combiner, settings);
  if (combiner.steeredBy && numbers) checkScheduled(combiner.steeredBy, numbers, names, refuse);
  combiner.check?.(settings, names, refuse);
}

/**
 * Checks the numbers that steer a combiner: one per objective, and not all 0 at any step.
 *
 * @param key the setting
 */
function checkScheduled(key: string, numbers: ScheduledNumbers, names: readonly string[], refuse: Refuse): void {
  checkNumbers(key, numbers, names, refuse);
  const schedules = Object.values(numbers);
  // Between two points, all are 0 only if all are 0 at both.
  const steps = new Set([
    0,
    ...schedules.flatMap((each) => (typeof each === 'number' ? [] : Object.keys(each).map(Number))),
  ]);
  if ([...steps].some((step) => schedules.every((each) => numberAt(each, step) === 0))) {
    refuse([key], 'at least one number over 0');
  }
}

/** Checks that a mapping has one number for each objective and nothing else. */
export function checkNumbers(
  key: string,
  numbers: Readonly<Record<string, unknown>>,
  names: readonly string[],
  refuse: Refuse,
): void {
  checkEntries(key, numbers, names, { each: 'a number for every objective', only: 'the objectives' }, refuse);
}

/** What the messages of {@link checkEntries} expect. */
interface ExpectedEntries {
  /** The entry that each name needs. */
  readonly each: string;
  /** What the names are. */
  readonly only: string;
}

/** Checks that a mapping has an entry for each name and no other. */
export function checkEntries(
  key: string,
  entries: Readonly<Record<string, unknown>>,
  names: readonly string[],
  expected: ExpectedEntries,
  refuse: Refuse,
): void {
  for (const name of names) if (!Object.hasOwn(entries, name)) refuse([key, name], expected.each);
  for (const name of Object.keys(entries)) {
    if (!names.includes(name)) refuse([key, name], `${expected.only} alone: ${names.join(', ')}`);
  }
}
