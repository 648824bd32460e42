/** Follows a run to its end, for `watch`, `train --watch` and `run`. */
import { isActive, type Run, type StepReport, type WatchRunResponse } from '@gapo/rpc';
import type { Coordinator } from '../client.js';
import type { Reporter } from '../render/reporter.js';
import { advance, progressOf, type RunProgress, type WholeProgress } from '../render/runProgress.js';

/** Whether a run has stopped until a user resumes it, or for good. A pause that the coordinator will end does not count. */
export function isSettled({ state, recovery }: Run): boolean {
  return !isActive(state) && recovery === null;
}

/** Whether a run can be resumed or is in progress. */
export function isUnfinished({ state }: Run): boolean {
  return state !== 'RUN_STATE_SUCCEEDED' && state !== 'RUN_STATE_CANCELLED';
}

/** Options of following a run. */
export interface FollowOptions {
  /** Only steps after this one are requested. @default 0 */
  afterStep?: number;
  /** Stops following; the run continues. */
  signal?: AbortSignal;
  /** Computes the progress of a sequence of runs. */
  whole?: (progress: RunProgress) => WholeProgress;
  /** Observes every message. */
  onMessage?: (message: WatchRunResponse) => void;
}

/**
 * Shows the run's progress until it settles or the signal aborts.
 *
 * @returns the run's latest state, and the steps received
 */
export async function follow(
  coordinator: Coordinator,
  run: Run,
  reporter: Reporter,
  options: FollowOptions = {},
): Promise<{ run: Run; steps: StepReport[] }> {
  const { afterStep = 0, signal, whole, onMessage } = options;
  let progress: RunProgress = progressOf(run);
  const steps: StepReport[] = [];
  let latest = run;
  let received = afterStep;
  const show = (): void => reporter.progress(whole === undefined ? progress : { ...progress, whole: whole(progress) });
  show();
  const say = (text: string): void => reporter.say(text);
  for await (const message of coordinator.watchRun(run.id, afterStep, { signal, say })) {
    progress = advance(progress, message);
    show();
    latest = message.run ?? latest;
    if (message.step) {
      steps.push(message.step);
      received = message.step.step;
    }
    onMessage?.(message);
    // A stream begins with the run's state; for a settled run, past steps follow it. Make no further request then, because
    // the coordinator may have paused the run while shutting down.
    if (isSettled(latest) && received >= latest.step) {
      reporter.finish();
      return { run: latest, steps };
    }
  }
  reporter.finish();
  return { run: signal?.aborted === true ? run : await coordinator.getRun(run.id), steps };
}
