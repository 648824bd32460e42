/** Runs a training process with its progress on stderr. Ctrl-C stops it after the update in progress. */
import { listenForInterrupts } from '../interrupts.js';
import { runTraining, type Training } from '../processes/training.js';
import { makeReporter } from '../render/reporter.js';
import { TrainingProgress, type Units } from '../render/training.js';

/** A training process, and how to show its progress. */
export interface FollowedTraining<Settings> extends Pick<Training<Settings, never>, 'program' | 'settings'> {
  readonly units: Units;
  /** Whether --json is set; progress is then plain lines. */
  readonly json: boolean;
}

/**
 * Runs a training until it ends or is interrupted.
 *
 * @returns its last event
 * @throws as {@link runTraining}
 */
export async function followTraining<Settings, Result>({
  program,
  settings,
  units,
  json,
}: FollowedTraining<Settings>): ReturnType<typeof runTraining<Settings, Result>> {
  const interrupts = listenForInterrupts();
  const reporter = makeReporter(json);
  const progress = new TrainingProgress(units);
  reporter.work(progress.line());
  try {
    return await runTraining<Settings, Result>({
      program,
      settings,
      report: (event) => progress.take(event, reporter),
      stop: interrupts.stopRequested,
    });
  } finally {
    reporter.finish();
    interrupts.release();
  }
}
