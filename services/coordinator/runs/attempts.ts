/** Counts how often a run was resumed without a user at one step, so that a run that stops at every attempt stays stopped. */
import { z } from '@gapo/service';

/** Resumptions without a user since the last step. */
export const attemptsSchema = z.object({
  /** Steps taken when they were made. */
  step: z.int().min(0),
  /** After a fault of a service or worker. */
  faults: z.int().min(0),
  /** After an end of the coordinator's process. */
  crashes: z.int().min(0),
});

/** The content of `attempts` in run.json. */
export type Attempts = z.output<typeof attemptsSchema>;

/** Resumptions at one step after which a run that ended with the coordinator's process is no longer resumed by itself. */
export const maxCrashes = 3;

/**
 * Returns the attempts at the present step.
 *
 * @param before the recorded ones
 * @param step steps taken so far
 */
export function attemptsAt(before: Attempts | undefined, step: number): Attempts {
  // A resumed run repeats the steps since its last checkpoint, which is no progress.
  return before !== undefined && step <= before.step ? before : { step, faults: 0, crashes: 0 };
}
