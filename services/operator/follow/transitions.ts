/** The events reported for a change of a TrainingRun's status. */
import { conditionOf, type ConditionType, type Status } from '../resource/trainingRun.js';

/** An event as shown by `kubectl describe`. */
export interface RunEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/**
 * Conditions whose changes are reported as events, and the events' names when the condition becomes true
 * or false.
 */
const reported: ReadonlyMap<ConditionType, { readonly yes: string; readonly no: string }> = new Map([
  ['Accepted', { yes: 'RunCreated', no: 'NotAccepted' }],
  ['CoordinatorReachable', { yes: 'CoordinatorBack', no: 'CoordinatorUnreachable' }],
  ['RewardServicesReady', { yes: 'RewardServicesReady', no: 'WaitingForRewardServices' }],
  ['ObjectivesApplied', { yes: 'ObjectivesApplied', no: 'ObjectivesNotApplied' }],
  ['PreferenceApplied', { yes: 'PreferenceApplied', no: 'PreferenceRefused' }],
]);

/** Returns the events between two statuses, in order. */
export function eventsBetween(before: Status | undefined, after: Status): RunEvent[] {
  const events: RunEvent[] = [];
  for (const [type, names] of reported) {
    const [was, is] = [conditionOf(before, type), conditionOf(after, type)];
    if (is === undefined) continue;
    const changed = was?.status !== is.status || (is.status === 'False' && was.reason !== is.reason);
    const firstContact = type === 'CoordinatorReachable' && was === undefined && is.status === 'True';
    if (!changed || firstContact) continue;
    events.push(
      is.status === 'True'
        ? { type: 'Normal', reason: names.yes, message: is.message }
        : { type: 'Warning', reason: names.no, message: is.message },
    );
  }
  if (after.phase !== undefined && after.phase !== 'Pending' && after.phase !== before?.phase) {
    const type = after.phase === 'Failed' ? 'Warning' : 'Normal';
    events.push({ type, reason: after.phase, message: phaseText(after) });
  }
  const [old, now] = [before?.preference, after.preference];
  if (old !== undefined && now !== undefined && JSON.stringify(old) !== JSON.stringify(now)) {
    const text = Object.entries(now).map(([name, value]) => `${name} ${value}`);
    events.push({ type: 'Normal', reason: 'PreferenceChanged', message: `from the next step on: ${text.join(', ')}` });
  }
  return events;
}

function phaseText({ progress, message }: Status): string {
  const at = progress === undefined ? '' : `at step ${progress}`;
  return [at, message].filter((part) => part !== undefined && part !== '').join(': ') || 'no step has been taken yet';
}
