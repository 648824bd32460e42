/** Counts how often a run was resumed automatically at one step, so that a run that fails on every attempt stays stopped. */
import { z } from '@gapo/service';

/** Automatic resumptions since the last step. */
export const attemptsSchema = z.object({
  /** Steps taken when the run was resumed. */
  step: z.int().min(0),
  /** After a fault of a service or worker. */
  faults: z.int().min(0),
  /** After the coordinator's process ended. */
  crashes: z.int().min(0),
});

/** The content of `attempts` in run.json. */
export type Attempts = z.output<typeof attemptsSchema>;

/** Number of crashes of the coordinator at one step after which the run is no longer resumed automatically. */
export const maxCrashes = 3;

/**
 * Returns the attempts at the current step.
 *
 * @param before the recorded attempts
 * @param step steps taken so far
 */
export function attemptsAt(before: Attempts | undefined, step: number): Attempts {
  // A resumed run repeats the steps since its last checkpoint, which does not count as progress.
  return before !== undefined && step <= before.step ? before : { step, faults: 0, crashes: 0 };
}
