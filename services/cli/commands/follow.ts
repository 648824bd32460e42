/** Following a run to its end, shared by `watch`, `train --watch` and `run`. */
import type { Progress, Run, StepReport, WatchRunResponse } from '@gapo/rpc';
import type { Coordinator } from '../client.js';
import type { Reporter } from '../render/reporter.js';
import { advance, progressOf, type RunProgress, type WholeProgress } from '../render/runProgress.js';

/** States in which nothing more happens by itself. */
const settledStates: ReadonlySet<string> = new Set([
  'RUN_STATE_PAUSED',
  'RUN_STATE_SUCCEEDED',
  'RUN_STATE_FAILED',
  'RUN_STATE_CANCELLED',
]);

/** Whether a run does nothing more by itself. */
export function isSettled(run: Run): boolean {
  return settledStates.has(run.state);
}

/** Whether a run can be gone on with. */
export function isUnfinished(run: Run): boolean {
  return run.state !== 'RUN_STATE_SUCCEEDED' && run.state !== 'RUN_STATE_CANCELLED';
}

/** One of the three. */
export interface FollowMessage {
  run?: Run;
  step?: StepReport;
  progress?: Progress;
}

/** How to follow. */
export interface FollowOptions {
  /** Steps up to this one are not asked for. @default 0 */
  afterStep?: number;
  /** Stops following; the run goes on. */
  signal?: AbortSignal;
  /** Its place among several runs, from what is known of it. */
  whole?: (progress: RunProgress) => WholeProgress;
  /** Told of every message, as JSON lines want it. */
  onMessage?: (message: FollowMessage) => void;
}

/**
 * Shows the run's progress until it settles or the signal is aborted.
 *
 * @returns the run as it is then, and the steps that were seen
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
    onMessage?.(present(message));
    // The run as it settled needs no further question: the coordinator may have paused it because it ends.
    if (message.run && isSettled(message.run) && message.run.state !== run.state) {
      reporter.finish();
      return { run: message.run, steps };
    }
    // A run that had settled before has nothing more to tell than its steps so far.
    if (isSettled(run) && (message.step?.step ?? 0) >= run.step) break;
  }
  reporter.finish();
  return { run: signal?.aborted === true ? run : await coordinator.getRun(run.id), steps };
}

function present({ run, step, progress }: WatchRunResponse): FollowMessage {
  return { ...(run ? { run } : {}), ...(step ? { step } : {}), ...(progress ? { progress } : {}) };
}
