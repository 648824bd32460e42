/** What is known of a run while it is followed: folded from the messages of WatchRun, drawn by the renderers. */
import type { Progress, Run, StepReport, WatchRunResponse } from '@gapo/rpc';

/** One objective so far. */
export interface ObjectiveProgress {
  name: string;
  /** The mean reward of each step that was seen, oldest first. */
  means: number[];
  /** The weight of its gradient in the last update. */
  weight: number | undefined;
  /** Completions of the last step that it could not score, and that were dropped for every objective. */
  dropped: number;
}

/** A run so far. Numbers are those of the last step; undefined before the first. */
export interface RunProgress {
  id: string;
  method: string;
  /** As `running`. */
  state: string;
  /** Why it is in that state; empty where that needs no words. */
  reason: string;
  /** Steps taken. */
  step: number;
  totalSteps: number;
  /** Those of the last step, then those that were added since. */
  objectives: ObjectiveProgress[];
  /** The names of the next step's objectives. */
  inForce: readonly string[];
  /** The preference or weights of the next step, by objective; empty where the method takes none. */
  preference: Readonly<Record<string, number>>;
  kl: number | undefined;
  stationarity: number | undefined;
  /** Completion tokens per second of the whole step. */
  tokensPerSecond: number | undefined;
  /** Wall seconds of the last step. */
  stepSeconds: number | undefined;
  etaSeconds: number | undefined;
  /** What it is doing within the next step. */
  phase: { step: number; name: string; done: number; total: number; waitingFor: string } | undefined;
  /** Its place among several runs; undefined for a run by itself. */
  whole: WholeProgress | undefined;
}

/** How far a row of runs is. */
export interface WholeProgress {
  /** Which of them, from 1. */
  part: number;
  /** How many. */
  of: number;
  /** Which of them, in words. */
  label: string;
  /** Seconds left for all of them; undefined where nothing is known yet. */
  etaSeconds: number | undefined;
}

/** Means kept for the sparkline. */
const longestHistory = 400;

/** RUN_STATE_RUNNING as `running`. */
export function stateName(state: string): string {
  return state.replace(/^RUN_STATE_/, '').toLowerCase();
}

/** A run as it is before anything is heard of its steps. */
export function progressOf(run: Run): RunProgress {
  const start: RunProgress = {
    id: run.id,
    method: run.method,
    state: stateName(run.state),
    reason: run.reason,
    step: run.step,
    totalSteps: run.totalSteps,
    objectives: withMissing([], run.objectives),
    inForce: run.objectives,
    preference: preferenceOf(run),
    kl: undefined,
    stationarity: undefined,
    tokensPerSecond: undefined,
    stepSeconds: undefined,
    etaSeconds: undefined,
    phase: undefined,
    whole: undefined,
  };
  return start;
}

/** In the order of the objectives, which a message does not keep. */
function preferenceOf({ objectives, preference }: Run): Record<string, number> {
  return Object.fromEntries(
    objectives.flatMap((name) => (Object.hasOwn(preference, name) ? [[name, preference[name] ?? NaN]] : [])),
  );
}

/** The progress after one more message. */
export function advance(progress: RunProgress, message: WatchRunResponse): RunProgress {
  if (message.step) return afterStep(progress, message.step);
  if (message.progress) return { ...progress, phase: phaseOf(message.progress) };
  if (message.run) return afterRun(progress, message.run);
  return progress;
}

function afterRun(progress: RunProgress, run: Run): RunProgress {
  const objectives = withMissing(progress.objectives, run.objectives);
  return {
    ...progress,
    state: stateName(run.state),
    reason: run.reason,
    totalSteps: run.totalSteps,
    // The numbers shown are those of the last step that was seen: its number stays with them.
    step: objectives.some(({ means }) => means.length > 0) ? progress.step : run.step,
    method: run.method,
    objectives,
    inForce: run.objectives,
    preference: preferenceOf(run),
    phase: run.state === 'RUN_STATE_RUNNING' || run.state === 'RUN_STATE_STARTING' ? progress.phase : undefined,
  };
}

/** Objectives, and those of some names that are not among them, without numbers. */
function withMissing(known: readonly ObjectiveProgress[], names: readonly string[]): ObjectiveProgress[] {
  const missing = names.filter((name) => known.every((objective) => objective.name !== name));
  return [...known, ...missing.map((name) => ({ name, means: [], weight: undefined, dropped: 0 }))];
}

function afterStep(progress: RunProgress, step: StepReport): RunProgress {
  const objectives = step.objectives.map(({ name, rewardMean, weight, failed }) => {
    const before = progress.objectives.find((objective) => objective.name === name)?.means ?? [];
    return { name, means: [...before, rewardMean].slice(-longestHistory), weight, dropped: failed };
  });
  return {
    ...progress,
    step: step.step,
    objectives: withMissing(objectives, progress.inForce),
    kl: step.kl,
    stationarity: step.stationarity,
    tokensPerSecond: step.seconds > 0 ? step.tokens / step.seconds : undefined,
    stepSeconds: step.seconds,
    etaSeconds: step.etaSeconds,
    phase: undefined,
  };
}

function phaseOf({ step, phase, done, total, waitingFor }: Progress): RunProgress['phase'] {
  return { step, name: phase, done, total, waitingFor };
}
