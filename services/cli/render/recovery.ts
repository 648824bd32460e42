/** Describes what a paused run waits for before the coordinator resumes it. */
import { describeWait, type Run } from '@gapo/rpc';

/**
 * Returns text such as `waiting for reward harmless at 127.0.0.1:50062: connection refused; checked again in 8 s`; undefined if
 * the coordinator will not resume the run.
 *
 * @param now milliseconds since the epoch
 */
export function waitText({ recovery }: Pick<Run, 'recovery'>, now = Date.now()): string | undefined {
  if (recovery === null) return undefined;
  const { nextCheck } = recovery;
  const time = nextCheck === null ? undefined : 1000 * nextCheck.seconds + nextCheck.nanos / 1e6;
  return describeWait({ ...recovery, nextCheck: time }, now);
}
