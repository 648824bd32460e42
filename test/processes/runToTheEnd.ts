/** Follows a run to its end over WatchRun. */
import type { Client, WatchRunResponse } from '@gapo/rpc';
import { UserError } from '@gapo/service';

/** The coordinator's client. */
export type Training = Client<'gapo.training.v1.TrainingService'>;

/**
 * Watches a run until it has succeeded.
 *
 * @param training the coordinator
 * @param runId the run
 * @param hangMs how long the run may be without any change
 * @param onChange called with each response, in order
 * @throws UserError if the run fails, pauses or hangs
 */
export async function runToTheEnd(
  training: Training,
  runId: string,
  hangMs: number,
  onChange: (change: WatchRunResponse) => void,
): Promise<void> {
  const hang = new AbortController();
  const problem = new UserError(`run ${runId} has not changed for ${hangMs / 1000} s`);
  const expire = (): void => hang.abort(problem);
  let timer = setTimeout(expire, hangMs);
  try {
    for await (const change of training.WatchRun({ runId }, { deadlineMs: Infinity, signal: hang.signal })) {
      clearTimeout(timer);
      timer = setTimeout(expire, hangMs);
      onChange(change);
      const { state = '', reason = '' } = change.run ?? {};
      if (state === 'RUN_STATE_SUCCEEDED') return;
      const stopped = ['RUN_STATE_FAILED', 'RUN_STATE_CANCELLED', 'RUN_STATE_PAUSED'].includes(String(state));
      if (stopped) throw new UserError(`run ${runId} is ${String(state)}: ${reason}`);
    }
    throw new UserError(`the watch of run ${runId} ended before the run`);
  } finally {
    clearTimeout(timer);
  }
}
