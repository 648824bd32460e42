/** What a run is doing within a step, put together from its events. */
import type { ProgressJson, RunEventJson, RunJson, StateEventJson } from '@gapo/rpc/json';
import { describeWait } from '@gapo/rpc/runState';

/** A run as its events describe it so far. */
export interface Following {
  /** The latest change of state; undefined before the first. */
  state: StateEventJson | undefined;
  /** What the run is doing, as `step 12: 3 shards sampled`; empty where that is not known. */
  doing: string;
  /** Shards and scores of steps that were not taken yet, by step: shards of later steps may be sampled ahead. */
  done: Map<number, Done>;
  /** The number of the newest event among the run's events; undefined before the first. */
  sequence: number | undefined;
  /** Events between the first one that was received and the newest that the stream does not have. */
  missing: number;
}

interface Done {
  rollout: number;
  reward: number;
  gradient: number;
}

/** Returns a run before its first event. */
export function nothingYet(): Following {
  return {
    state: undefined,
    doing: '',
    done: new Map(),
    sequence: undefined,
    missing: 0,
  };
}

/**
 * Adds one event. Kinds that the page does not show are ignored.
 *
 * @param sequence its number among the run's events, without gaps; undefined where it does not come from NATS
 */
export function take(following: Following, event: RunEventJson, sequence: number | undefined): void {
  const { sequence: newest = sequence } = following;
  if (sequence !== undefined && newest !== undefined && sequence >= newest) {
    following.missing += Math.max(0, sequence - newest - 1);
    following.sequence = sequence;
  }
  const { step, state, progress, rollout, reward, gradient } = event;
  if (step) {
    forget(following, step.step);
    following.doing = '';
  } else if (state) {
    following.state = state;
    if (state.to !== 'RUN_STATE_RUNNING') following.doing = '';
  } else if (progress) following.doing = progressText(progress);
  else if (rollout) count(following, 'rollout', rollout.step);
  else if (reward) count(following, 'reward', reward.step);
  else if (gradient) count(following, 'gradient', gradient.step);
}

/** Returns what a person should know of a stream that lacks events; empty where it lacks none. */
export function missingText({ missing }: Following): string {
  if (missing === 0) return '';
  return `The event stream lacks ${missing} of the run's events: the curves may have gaps. Reload the page: the coordinator has all steps.`;
}

/** Returns what a paused run waits for before the coordinator resumes it; empty where it waits for a user. */
export function recoveryText({ recovery }: RunJson, now: number): string {
  if (recovery === undefined) return '';
  const { nextCheck } = recovery;
  return describeWait({ ...recovery, nextCheck: nextCheck === undefined ? undefined : Date.parse(nextCheck) }, now);
}

function progressText({ step, phase, done, total, waitingFor }: ProgressJson): string {
  const waits = waitingFor === '' ? '' : `, waiting for ${waitingFor}`;
  return `step ${step}: ${phase}${total > 0 ? ` ${done}/${total}` : ''}${waits}`;
}

/** Forgets what was counted of steps up to one. */
function forget({ done }: Following, last: number): void {
  for (const step of done.keys()) if (step <= last) done.delete(step);
}

function count(following: Following, kind: keyof Done, step: number): void {
  const { done } = following;
  if (kind !== 'rollout') forget(following, step - 1); // only sampling runs ahead
  const counts = done.get(step) ?? { rollout: 0, reward: 0, gradient: 0 };
  done.set(step, counts);
  counts[kind] += 1;
  const inProgress = Math.min(...done.keys());
  const { rollout, reward, gradient } = done.get(inProgress) ?? counts;
  const parts = [
    `${rollout} shards sampled`,
    ...(reward > 0 ? [`${reward} objectives scored`] : []),
    ...(gradient > 0 ? [`${gradient} gradient shards`] : []),
  ];
  following.doing = `step ${inProgress}: ${parts.join(', ')}`;
}
