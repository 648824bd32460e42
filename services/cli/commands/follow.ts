/** Follows a run to its end, for `watch`, `train --watch` and `run`. */
import { isActive, type Run, type StepReport, type WatchRunResponse } from '@gapo/rpc';
import type { Coordinator } from '../client.js';
import type { Reporter } from '../render/reporter.js';
import { advance, progressOf, type RunProgress, type WholeProgress } from '../render/runProgress.js';

/** Whether a run does nothing more by itself. */
export function isSettled({ state }: Run): boolean {
  return !isActive(state);
}

/** Whether a run can be continued. */
export function isUnfinished({ state }: Run): boolean {
  return state !== 'RUN_STATE_SUCCEEDED' && state !== 'RUN_STATE_CANCELLED';
}

/** Options of following a run. */
export interface FollowOptions {
  /** Only steps after this one are requested. @default 0 */
  afterStep?: number;
  /** Stops following, and leaves the run alone. */
  signal?: AbortSignal;
  /** Computes its place among several runs. */
  whole?: (progress: RunProgress) => WholeProgress;
  /** Observes every message. */
  onMessage?: (message: WatchRunResponse) => void;
}

/**
 * Shows the run's progress until it settles or the signal aborts.
 *
 * @returns the run as it is then, and the steps that were received
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
  const show = (): void => reporter.progress(whole === undefined ? progress : { ...progress, whole: whole(progress) });
  show();
  for await (const message of coordinator.watchRun(run.id, afterStep, signal)) {
    progress = advance(progress, message);
    show();
    if (message.step) steps.push(message.step);
    onMessage?.(message);
    // No further request once the run has settled: the coordinator may have paused it because it stops itself.
    if (message.run && isSettled(message.run) && message.run.state !== run.state) {
      reporter.finish();
      return { run: message.run, steps };
    }
    // A run that had settled before sends nothing but its steps so far.
    if (isSettled(run) && (message.step?.step ?? 0) >= run.step) break;
  }
  reporter.finish();
  return { run: signal?.aborted === true ? run : await coordinator.getRun(run.id), steps };
}
