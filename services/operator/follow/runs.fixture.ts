/** TrainingRuns and runs for tests. */
import type { Run } from '@gapo/rpc';
import type { Spec, Status, TrainingRun } from '../resource/trainingRun.js';
import { unobserved, type Observed } from './status.js';

/** Returns a TrainingRun. */
export function resourceOf(spec: Partial<Spec> = {}, status?: Status): TrainingRun {
  return {
    apiVersion: 'gapo.dev/v1alpha1',
    kind: 'TrainingRun',
    metadata: { name: 'chat', namespace: 'team', uid: '0f3c', resourceVersion: '7', generation: 2 },
    spec: { config: { name: 'chat', combine: { method: 'pgapo', preference: { kind: 1, brief: 1 } } }, ...spec },
    ...(status && { status }),
  };
}

/** Returns a run of the coordinator. */
export function runOf(changes: Partial<Run> = {}): Run {
  return {
    id: 'team-chat-1',
    state: 'RUN_STATE_RUNNING',
    reason: '',
    step: 0,
    totalSteps: 20,
    objectives: ['kind', 'brief'],
    method: 'pgapo',
    tags: [],
    created: { seconds: 1_700_000_000, nanos: 5 },
    configSha256: 'c0',
    versionSha256: 'd1',
    checkpoint: '',
    lastStep: null,
    traceId: '',
    preference: { kind: 1, brief: 1 },
    ingredients: {},
    preferenceLevels: 0,
    data: [],
    recovery: null,
    ...changes,
  };
}

/** Returns what the operator knows of a run. */
export function observedOf(changes: Partial<Observed> = {}): Observed {
  return { ...unobserved('team-chat-1'), ...changes };
}
