/** A training that a person watches: progress on stderr, and an end after the update in progress at Ctrl-C. */
import { listenForInterrupts } from '../interrupts.js';
import { runTraining, type Training } from '../processes/training.js';
import { makeReporter } from '../render/reporter.js';
import { TrainingProgress, type Units } from '../render/training.js';

/** What is trained, and how it is told of. */
export interface FollowedTraining<Settings> extends Pick<Training<Settings, never>, 'program' | 'settings'> {
  readonly units: Units;
  /** Whether stdout is for a script, so that progress comes a line at a time. */
  readonly json: boolean;
}

/**
 * Runs a training to its end, or to where it is told to stop.
 *
 * @returns what it says at its end
 * @throws as {@link runTraining}
 */
export async function followTraining<Settings, Result>({
  program,
  settings,
  units,
  json,
}: FollowedTraining<Settings>): ReturnType<typeof runTraining<Settings, Result>> {
  const interrupts = listenForInterrupts();
  const reporter = makeReporter(process.stderr, json);
  const progress = new TrainingProgress(units);
  reporter.work(progress.line());
  try {
    return await runTraining<Settings, Result>({
      program,
      settings,
      report: (event) => progress.take(event, reporter),
      stop: interrupts.asked,
    });
  } finally {
    reporter.finish();
    interrupts.release();
  }
}
