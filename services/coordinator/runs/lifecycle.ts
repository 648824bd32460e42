/** The states of a run and the transitions between them. */
import { RunState } from '@gapo/rpc';

export type Transition = 'begin' | 'pause' | 'hold' | 'resume' | 'succeed' | 'fail' | 'cancel';

const {
  RUN_STATE_STARTING,
  RUN_STATE_RUNNING,
  RUN_STATE_PAUSED,
  RUN_STATE_SUCCEEDED,
  RUN_STATE_FAILED,
  RUN_STATE_CANCELLED,
} = RunState;

const transitions: Readonly<Record<Transition, { readonly from: readonly RunState[]; readonly to: RunState }>> = {
  /** Models and services are ready: training starts. */
  begin: { from: [RUN_STATE_STARTING], to: RUN_STATE_RUNNING },
  /** By a user, a fault of a service or worker, or the end of the process. */
  pause: { from: [RUN_STATE_STARTING, RUN_STATE_RUNNING], to: RUN_STATE_PAUSED },
  /** A run that would have been resumed automatically now waits for a user. */
  hold: { from: [RUN_STATE_PAUSED], to: RUN_STATE_PAUSED },
  /** By a user, or by the coordinator once it has started or the fault is over. */
  resume: { from: [RUN_STATE_PAUSED, RUN_STATE_FAILED], to: RUN_STATE_STARTING },
  /** Every step has been taken. */
  succeed: { from: [RUN_STATE_RUNNING], to: RUN_STATE_SUCCEEDED },
  /** By an error in the run. */
  fail: { from: [RUN_STATE_STARTING, RUN_STATE_RUNNING], to: RUN_STATE_FAILED },
  /** By a user. */
  cancel: {
    from: [RUN_STATE_STARTING, RUN_STATE_RUNNING, RUN_STATE_PAUSED, RUN_STATE_FAILED],
    to: RUN_STATE_CANCELLED,
  },
};

/** Returns the state that a transition leads to; undefined if it is not allowed in the state `from`. */
export function targetOf(transition: Transition, from: RunState): RunState | undefined {
  const rule = transitions[transition];
  return rule.from.includes(from) ? rule.to : undefined;
}

/** Whether watchers have nothing left to wait for. A failed run can be resumed, but only by a user. */
export function hasEnded(state: RunState): boolean {
  return state === RUN_STATE_SUCCEEDED || state === RUN_STATE_FAILED || state === RUN_STATE_CANCELLED;
}
