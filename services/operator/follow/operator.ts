/** The leader's work: a follower for each TrainingRun. */
import { trainingRunKind, type Scope } from '../kubernetes/cluster.js';
import { followAll } from '../kubernetes/followAll.js';
import { RunFollower, type FollowerContext } from './follower.js';

/**
 * Follows every TrainingRun of a scope until the signal aborts. The runs themselves then continue
 * unchanged.
 */
export async function followRuns(context: FollowerContext, scope: Scope, signal: AbortSignal): Promise<void> {
  await followAll(context, { kind: trainingRunKind, scope, start: (run) => new RunFollower(context, run) }, signal);
}
