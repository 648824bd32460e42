/** Computes the status of a TrainingRun from its spec, the run and any problems. Pure functions; the follower does the I/O. */
import { isActive, stateWord, type Run, type RunState, type StepReport } from '@gapo/rpc';
import { conditionSince, timeText, type Finding } from '../resource/metadata.js';
import {
  conditionOf,
  holds,
  type Condition,
  type ConditionType,
  type Phase,
  type Status,
  type TrainingRun,
} from '../resource/trainingRun.js';
import { rewardServicesOf, unknownServices, type WantedObjectives } from './objectives.js';
import type { Problem } from './problem.js';

/** What the operator knows about a run in addition to its resource. */
export interface Observed {
  readonly runId: string;
  /** The run; undefined until the coordinator has been asked, or if it has none. */
  readonly run: Run | undefined;
  /** Why the coordinator cannot be reached. */
  readonly unreachable: Problem | undefined;
  /** Why the run was not created. */
  readonly refused: Problem | undefined;
  /** The objectives of the spec; undefined if it has none, or if one names a RewardService that cannot be called. */
  readonly wanted: WantedObjectives | undefined;
  /** Why a RewardService cannot be called. */
  readonly rewardProblem: Problem | undefined;
  /** Why the run does not have the objectives of the spec. */
  readonly objectivesProblem: Problem | undefined;
  /** The SHA-256 of the objectives applied to the run; undefined if none were applied since the operator started. */
  readonly appliedObjectives: string | undefined;
  /** Why the run does not have the preference of the spec. */
  readonly preferenceProblem: Problem | undefined;
  /** Why the run could not be paused or resumed. */
  readonly suspensionProblem: Problem | undefined;
  /** Whether the run was asked to pause but has not paused yet. */
  readonly pauseRequested: boolean;
  /** Whether the run has been resumed since its suspension ended. */
  readonly resumed: boolean;
}

/** Returns what is known about a run before the coordinator has been asked. */
export function unobserved(runId: string): Observed {
  return {
    runId,
    run: undefined,
    unreachable: undefined,
    refused: undefined,
    wanted: undefined,
    rewardProblem: undefined,
    objectivesProblem: undefined,
    appliedObjectives: undefined,
    preferenceProblem: undefined,
    suspensionProblem: undefined,
    pauseRequested: false,
    resumed: false,
  };
}

/** The next action for a run. */
export type Action = 'create' | 'pause' | 'resume' | 'change' | 'prefer';

/** Whether nothing can change any more. A failed run can be resumed. */
export function hasEnded(state: RunState): boolean {
  return state === 'RUN_STATE_SUCCEEDED' || state === 'RUN_STATE_CANCELLED';
}

/**
 * Returns the next action; undefined if the run matches the spec.
 *
 * A suspension is written to the status before the run is paused, so that the next leader knows that the run has to be
 * resumed.
 */
export function nextAction(resource: TrainingRun, observed: Observed): Action | undefined {
  const { spec, status } = resource;
  const { run, pauseRequested, resumed, wanted } = observed;
  const suspend = spec.suspend === true;
  const suspended = holds(status, 'Suspended');
  // A run that the coordinator once had is not trained again unless requested.
  if (run === undefined) {
    const waits = spec.objectives !== undefined && wanted === undefined;
    return suspend || waits || status?.runId !== undefined ? undefined : 'create';
  }
  if (hasEnded(run.state)) return undefined;
  if (suspend && suspended && !pauseRequested && (isActive(run.state) || run.recovery !== null)) return 'pause';
  if (!suspend && suspended && !resumed) return 'resume';
  // A preference names the new objectives.
  if (hasOtherObjectives(resource, observed, run)) return wanted && 'change';
  if (spec.preference !== undefined && !isSame(spec.preference, run.preference)) return 'prefer';
  return undefined;
}

/** Whether the objectives of the spec differ from those of the run. */
function hasOtherObjectives(
  { spec, status }: TrainingRun,
  { wanted, appliedObjectives }: Observed,
  { objectives }: Run,
): boolean {
  if (spec.objectives === undefined) return false;
  const isNamedAlike = spec.objectives.map(({ name }) => name).join() === objectives.join();
  if (!isNamedAlike || wanted === undefined) return !isNamedAlike;
  return wanted.sha256 !== (appliedObjectives ?? status?.objectivesSha256);
}

function isSame(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

/**
 * Returns the status to write. Fields whose values are unknown now keep their previous values.
 *
 * @param now the time of changes
 */
export function statusOf(resource: TrainingRun, observed: Observed, now: Date): Status {
  const { status: before = {}, metadata } = resource;
  const { run } = observed;
  const phase = phaseOf(resource, observed);
  const ended = phase === 'Succeeded' || phase === 'Cancelled' || phase === 'Failed';
  const { completionTime: _, objectivesSha256: former, ...kept } = before;
  const objectivesSha256 = objectivesOf(resource, observed, former);
  return {
    ...kept,
    observedGeneration: metadata.generation ?? 0,
    ...(run && { runId: run.id }),
    phase,
    message: messageOf(observed, before, phase),
    ...(run && fieldsOf(run)),
    ...(objectivesSha256 !== undefined && { objectivesSha256 }),
    ...(ended && { completionTime: before.completionTime ?? timeText(now) }),
    conditions: conditionsOf(resource, observed, phase, now),
  };
}

/** The SHA-256 of the spec's objectives that the run has. A run that is not in the status yet was created with them. */
function objectivesOf(
  { spec, status }: TrainingRun,
  { run, wanted, appliedObjectives }: Observed,
  former: string | undefined,
): string | undefined {
  if (spec.objectives === undefined) return undefined;
  const created = run !== undefined && status?.runId === undefined ? wanted?.sha256 : undefined;
  return appliedObjectives ?? former ?? created;
}

function phaseOf({ spec, status }: TrainingRun, { run, refused }: Observed): Phase {
  if (run === undefined) {
    if (status?.runId !== undefined) return refused ? 'Failed' : (status.phase ?? 'Pending');
    return spec.suspend === true ? 'Suspended' : 'Pending';
  }
  const paused = run.state === 'RUN_STATE_PAUSED';
  if (paused && spec.suspend === true) return 'Suspended';
  const word = stateWord(run.state);
  return phaseByWord.get(word) ?? 'Pending';
}

const phaseByWord: ReadonlyMap<string, Phase> = new Map(
  (['Starting', 'Running', 'Paused', 'Succeeded', 'Failed', 'Cancelled'] as const).map((phase) => [
    phase.toLowerCase(),
    phase,
  ]),
);

function messageOf({ run, unreachable, refused, rewardProblem }: Observed, before: Status, phase: Phase): string {
  const problem = unreachable ?? refused ?? (phase === 'Pending' ? rewardProblem : undefined);
  if (problem !== undefined) return problem.message;
  if (run === undefined) return phase === before.phase ? (before.message ?? '') : '';
  return run.reason;
}

/** The fields that describe the run. Numbers are rounded for readability, and so that the status is written less often. */
function fieldsOf(run: Run): Status {
  const { step, totalSteps, lastStep, created } = run;
  return {
    step,
    totalSteps,
    progress: `${step}/${totalSteps}`,
    method: run.method,
    preference: run.preference,
    configSha256: run.configSha256,
    versionSha256: run.versionSha256,
    checkpoint: run.checkpoint,
    ...(created && { startTime: timeText(new Date(created.seconds * 1000)) }),
    objectives: run.objectives.map((name) => ({ name, ...resultsOf(lastStep, name) })),
    rewards: listOf(lastStep, 'reward'),
    weights: listOf(lastStep, 'weight'),
    eta: isActive(run.state) && lastStep ? durationText(lastStep.etaSeconds) : '',
    etaSeconds: isActive(run.state) && lastStep ? Math.round(lastStep.etaSeconds) : 0,
  };
}

function resultsOf(report: StepReport | null, name: string): { reward?: number; weight?: number } {
  const found = report?.objectives.find((one) => one.name === name);
  if (found === undefined) return {};
  return { ...finite('reward', found.rewardMean), ...finite('weight', found.weight) };
}

/** JSON has no infinities and no NaN. */
function finite<Key extends string>(key: Key, value: number): { [K in Key]?: number } {
  return Number.isFinite(value) ? ({ [key]: value } as { [K in Key]?: number }) : {};
}

function listOf(report: StepReport | null, what: 'reward' | 'weight'): string {
  const shown = (report?.objectives ?? []).map(
    ({ name, rewardMean, weight }) => `${name} ${(what === 'reward' ? rewardMean : weight).toFixed(3)}`,
  );
  return shown.join(', ');
}

/** Formats seconds like Kubernetes durations: 45s, 3m20s, 2h5m, 3d4h. */
export function durationText(seconds: number): string {
  if (!Number.isFinite(seconds)) return '';
  const whole = Math.max(0, Math.round(seconds));
  const units = [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
    ['s', 1],
  ] as const;
  const first = units.findIndex(([, size]) => whole >= size);
  if (first < 0) return '0s';
  const parts = units.slice(first, first + 2).map(([unit, size], i) => {
    const above = i === 0 ? Infinity : (units[first]?.[1] ?? Infinity);
    return [Math.floor((whole % above) / size), unit] as const;
  });
  return parts
    .filter(([count], i) => i === 0 || count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join('');
}

function conditionsOf(resource: TrainingRun, observed: Observed, phase: Phase, time: Date): Condition[] {
  const { status, metadata } = resource;
  const findings: [ConditionType, Finding | undefined | 'none'][] = [
    ['Accepted', acceptedOf(observed)],
    ['CoordinatorReachable', reachableOf(observed)],
    ['RewardServicesReady', rewardServicesReadyOf(resource, observed)],
    ['ObjectivesApplied', objectivesAppliedOf(resource, observed)],
    ['PreferenceApplied', preferenceOf(resource, observed)],
    ['Suspended', suspendedOf(resource, observed)],
    ['Complete', endOf(observed, phase === 'Succeeded', 'AllStepsTaken')],
    ['Failed', endOf(observed, phase === 'Failed' || phase === 'Cancelled', phase)],
  ];
  return findings.flatMap(([type, finding]) => {
    if (finding === 'none') return [];
    const before = conditionOf(status, type);
    if (finding === undefined) return before === undefined ? [] : [before];
    return [conditionSince(type, finding, before, { generation: metadata.generation, time })];
  });
}

function acceptedOf({ run, refused }: Observed): Finding | undefined {
  if (run !== undefined) return { status: 'True', reason: 'RunCreated', message: `the coordinator has run ${run.id}` };
  return refused && { status: 'False', ...refused };
}

function reachableOf({ run, unreachable }: Observed): Finding | undefined {
  if (unreachable !== undefined) return { status: 'False', ...unreachable };
  return run && { status: 'True', reason: 'Answered', message: 'the coordinator answers' };
}

function rewardServicesReadyOf(
  { spec }: TrainingRun,
  { run, wanted, rewardProblem }: Observed,
): Finding | 'none' | undefined {
  const names = rewardServicesOf(spec.objectives);
  if (names.length === 0) return 'none';
  if (run !== undefined && hasEnded(run.state)) return undefined;
  if (rewardProblem !== undefined) {
    return rewardProblem.reason === unknownServices ? undefined : { status: 'False', ...rewardProblem };
  }
  return wanted && { status: 'True', reason: 'Available', message: `available: ${names.join(', ')}` };
}

function objectivesAppliedOf(resource: TrainingRun, observed: Observed): Finding | 'none' | undefined {
  const { run, objectivesProblem, rewardProblem } = observed;
  if (resource.spec.objectives === undefined) return 'none';
  if (run === undefined || rewardProblem?.reason === unknownServices) return undefined;
  // The status does not have the objectives the run was created with yet.
  const isNew = resource.status?.runId === undefined && observed.wanted !== undefined;
  if (isNew || !hasOtherObjectives(resource, observed, run)) {
    return { status: 'True', reason: 'Applied', message: "the run's next step has the objectives of the spec" };
  }
  if (hasEnded(run.state)) return { status: 'False', reason: 'RunEnded', message: 'the run takes no more steps' };
  if (objectivesProblem !== undefined) return { status: 'False', ...objectivesProblem };
  return rewardProblem && { status: 'False', ...rewardProblem };
}

function preferenceOf({ spec }: TrainingRun, { run, preferenceProblem }: Observed): Finding | undefined {
  if (spec.preference === undefined || run === undefined) return undefined;
  if (isSame(spec.preference, run.preference)) {
    return { status: 'True', reason: 'Applied', message: "the run's next step has the preference of the spec" };
  }
  if (preferenceProblem !== undefined) return { status: 'False', ...preferenceProblem };
  return hasEnded(run.state)
    ? { status: 'False', reason: 'RunEnded', message: 'the run takes no more steps' }
    : undefined;
}

function suspendedOf({ spec, status }: TrainingRun, observed: Observed): Finding | undefined {
  const { run, resumed, suspensionProblem } = observed;
  const yes = (reason: string, message: string): Finding => ({ status: 'True', reason, message });
  const no = (reason: string, message: string): Finding => ({ status: 'False', reason, message });
  if (run !== undefined && hasEnded(run.state)) return no('RunEnded', 'the run takes no more steps');
  if (spec.suspend === true) {
    if (run === undefined) {
      return status?.runId === undefined ? yes('NotStarted', 'the run starts once spec.suspend is false') : undefined;
    }
    if (suspensionProblem !== undefined) return yes(suspensionProblem.reason, suspensionProblem.message);
    if (isActive(run.state)) return yes('Pausing', 'the run pauses after the step in progress');
    return yes('Paused', 'the run resumes once spec.suspend is false');
  }
  if (holds(status, 'Suspended') && !resumed) {
    if (run === undefined) return undefined;
    if (suspensionProblem !== undefined) return yes(suspensionProblem.reason, suspensionProblem.message);
    return yes('Resuming', 'the run is being resumed');
  }
  return no('NotSuspended', 'spec.suspend is not true');
}

function endOf({ run, refused }: Observed, is: boolean, reason: string): Finding | undefined {
  if (run === undefined) return is && refused ? { status: 'True', ...refused } : undefined;
  if (is) return { status: 'True', reason, message: run.reason };
  return { status: 'False', reason: 'NotEnded', message: '' };
}
