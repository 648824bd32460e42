/** Events that a process did not publish because it ended after writing a file of the run. */
import { RunState } from '@gapo/rpc';
import type { GoalChange } from '../state/goals.js';
import type { RunEvents } from './events.js';
import type { RunRecord } from './runDirectory.js';
import type { StepLog } from './stepLog.js';

/** A run as its files describe it. */
export interface RecordedRun {
  readonly record: Pick<RunRecord, 'changes' | 'state' | 'reason'>;
  readonly steps: Pick<StepLog, 'length' | 'after'>;
  readonly goalChanges: readonly GoalChange[];
  /** The newest checkpoint, and the SHA-256 (hex) of its version. */
  readonly checkpoint: { readonly step: number; readonly directory: string; readonly sha256: string } | undefined;
}

/** Publishes what is in the files of a run but not in its events. A run of gapo 0.1, which kept no events, gets none. */
export function publishMissed(events: RunEvents, { record, steps, goalChanges, checkpoint }: RecordedRun): void {
  const state = events.newest('state');
  if (state === undefined && steps.length > 0) return;
  for (const report of steps.after(events.newest('step')?.data.step ?? 0)) events.step(report);
  if (checkpoint !== undefined && checkpoint.step > (events.newest('checkpoint')?.data.step ?? 0)) {
    events.checkpoint(checkpoint);
  }
  if (goalChanges.length > 0) {
    const published = Math.max(numberOf(events.newest('preference')), numberOf(events.newest('objective')));
    for (const [i, change] of goalChanges.entries()) if (i >= published) events.goals(i + 1, change);
  }
  if (record.changes <= numberOf(state)) return;
  const from = state?.data.to ?? RunState.RUN_STATE_STARTING;
  events.state(record.changes, { from, to: record.state, reason: record.reason });
}

/** Returns the number at the end of a change's id; 0 before the first change. */
function numberOf(event: { readonly id: string } | undefined): number {
  return event === undefined ? 0 : Number(event.id.slice(event.id.lastIndexOf('/') + 1));
}
