/** A run's life: its states, and the only ways from one to another. */
import { RunState } from '@gapo/rpc';

/** A transition's name. */
export type Transition = 'begin' | 'pause' | 'resume' | 'succeed' | 'fail' | 'cancel';

const {
  RUN_STATE_STARTING,
  RUN_STATE_RUNNING,
  RUN_STATE_PAUSED,
  RUN_STATE_SUCCEEDED,
  RUN_STATE_FAILED,
  RUN_STATE_CANCELLED,
} = RunState;

const transitions: Readonly<Record<Transition, { readonly from: readonly RunState[]; readonly to: RunState }>> = {
  /** Models and services are as they should be: the first step may be taken. */
  begin: { from: [RUN_STATE_STARTING], to: RUN_STATE_RUNNING },
  /** A person, a failure policy, the lack of workers or the end of the process. */
  pause: { from: [RUN_STATE_STARTING, RUN_STATE_RUNNING], to: RUN_STATE_PAUSED },
  /** A person. */
  resume: { from: [RUN_STATE_PAUSED, RUN_STATE_FAILED], to: RUN_STATE_STARTING },
  /** Every step is taken. */
  succeed: { from: [RUN_STATE_RUNNING], to: RUN_STATE_SUCCEEDED },
  /** An error that is the run's own. */
  fail: { from: [RUN_STATE_STARTING, RUN_STATE_RUNNING], to: RUN_STATE_FAILED },
  /** A person. */
  cancel: {
    from: [RUN_STATE_STARTING, RUN_STATE_RUNNING, RUN_STATE_PAUSED, RUN_STATE_FAILED],
    to: RUN_STATE_CANCELLED,
  },
};

/** Where a transition leads; undefined where it does not lead from that state. */
export function targetOf(transition: Transition, from: RunState): RunState | undefined {
  const rule = transitions[transition];
  return rule.from.includes(from) ? rule.to : undefined;
}

/** Whether a watcher has nothing to wait for. A failed run can be resumed, but not without being told to. */
export function hasEnded(state: RunState): boolean {
  return state === RUN_STATE_SUCCEEDED || state === RUN_STATE_FAILED || state === RUN_STATE_CANCELLED;
}
